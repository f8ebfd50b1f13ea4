package testenv

import (
	"cmp"
	"syscall"
)

// childAttributes puts the child into a process group of its own, so that Ctrl-C in a terminal reaches us
// alone, and has the kernel end it when we are gone, even if we are killed. SIGQUIT is PostgreSQL's immediate
// shutdown.
func childAttributes(p program) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if !p.outlive {
		attr.Pdeathsig = cmp.Or(p.dieOf, syscall.SIGQUIT)
	}
	if p.account != nil {
		attr.Credential = &syscall.Credential{Uid: p.account.uid, Gid: p.account.gid}
	}
	return attr
}
