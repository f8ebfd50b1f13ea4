//go:build unix

package testenv

import (
	"context"
	"syscall"
)

// pause stops the child, and returns when it stands still: the signal alone takes its time.
func (p *process) pause() error {
	if err := p.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	return poll(ctx, func() (bool, error) { return p.ended() || stopped(p.cmd.Process.Pid), nil })
}

func (p *process) resume() error { return p.signal(syscall.SIGCONT) }
