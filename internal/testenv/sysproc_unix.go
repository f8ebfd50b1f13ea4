//go:build unix && !linux

package testenv

import "syscall"

// childAttributes puts the child into a process group of its own, so that Ctrl-C in a terminal reaches us
// alone. There is no parent-death signal here: the janitor does that work.
func childAttributes(p program) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if p.account != nil {
		attr.Credential = &syscall.Credential{Uid: p.account.uid, Gid: p.account.gid}
	}
	return attr
}
