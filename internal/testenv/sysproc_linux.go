package testenv

import "syscall"

// childAttributes puts the child into a process group of its own, so that Ctrl-C in a terminal reaches us
// alone, and has the kernel shut it down (SIGQUIT is PostgreSQL's immediate shutdown) when we are gone, even
// if we are killed.
func childAttributes(p program) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if !p.outlive {
		attr.Pdeathsig = syscall.SIGQUIT
	}
	if p.account != nil {
		attr.Credential = &syscall.Credential{Uid: p.account.uid, Gid: p.account.gid}
	}
	return attr
}
