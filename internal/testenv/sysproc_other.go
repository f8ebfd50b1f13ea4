//go:build !unix

package testenv

import "syscall"

// childAttributes is nothing here: the package compiles, and StartPostgres works where signals do.
func childAttributes(program) *syscall.SysProcAttr { return nil }
