package growth

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// childMark is set in the environment of a process that has a job to do. The job itself, which holds passwords, comes on
// its standard input.
const childMark = "REKEY_BENCH_GROWTH"

// goodbye is how long a process has to close its pools when it is told to end.
const goodbye = 5 * time.Second

// Main does the job and ends the process, if this is one that Run has started; else it returns at once.
func Main() {
	if os.Getenv(childMark) == "" {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serve(ctx context.Context) error {
	var job Job
	if err := json.NewDecoder(os.Stdin).Decode(&job); err != nil {
		return err
	}
	result, err := measure(ctx, job)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

// Run starts this program again to do a job, and returns what it has measured.
func Run(ctx context.Context, job Job) (result Result, err error) {
	program, err := os.Executable()
	if err != nil {
		return result, err
	}
	text, err := json.Marshal(job)
	if err != nil {
		return result, err
	}
	var out, complaints bytes.Buffer
	child := exec.CommandContext(ctx, program)
	child.Env = append(os.Environ(), childMark+"=1")
	child.Stdin, child.Stdout, child.Stderr = bytes.NewReader(text), &out, &complaints
	child.Cancel = func() error { return child.Process.Signal(os.Interrupt) }
	child.WaitDelay = goodbye
	if err := child.Run(); err != nil {
		return result, fmt.Errorf("%d pools: %w: %s", job.Pools, err, bytes.TrimSpace(complaints.Bytes()))
	}
	return result, json.Unmarshal(out.Bytes(), &result)
}
