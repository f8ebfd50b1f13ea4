package testenv

import (
	"os"
	"syscall"
)

// janitorScript waits until its standard input ends, which is when we have closed it or are gone, however we
// went. Then it stops the server of the folder $1, if that is still running, with the signal $3, and removes the
// folder. The process id in the file $2 is believed only while that process's command line names the folder: ids are
// used again.
const janitorScript = `
read -r _
alive() {
	pid=$(sed -n 1p "$2" 2>/dev/null) && [ -n "$pid" ] || return 1
	case $(ps -o args= -p "$pid" 2>/dev/null) in *"$1/"*) return 0 ;; esac
	return 1
}
if alive "$1" "$2"; then kill -s "$3" "$pid"; fi
n=0
while alive "$1" "$2" && [ "$n" -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
rm -rf "$1" || { sleep 1; rm -rf "$1"; }
`

// janitor is a small shell that cleans up after us if we are killed before we can do it ourselves.
type janitor struct {
	proc *process
	lead *os.File // our end of its standard input
}

// startJanitor starts one for the folder dir and the server in it, whose process id is in the file pidFile, and that
// ends on signal ("QUIT").
func startJanitor(dir, pidFile, signal string) (*janitor, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	proc, err := startProcess(program{
		path:    "/bin/sh",
		args:    []string{"-c", janitorScript, "rekey-janitor", dir, pidFile, signal},
		dir:     "/",
		input:   read,
		outlive: true,
	})
	if err != nil {
		write.Close()
		return nil, err
	}
	return &janitor{proc: proc, lead: write}, nil
}

// dismiss lets the janitor go, once there is nothing left to clean.
func (j *janitor) dismiss() {
	j.lead.Close()
	if !j.proc.waitFor(stopGrace) {
		j.proc.signal(syscall.SIGKILL)
		<-j.proc.done
	}
}
