package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

// asProgram makes this binary the program instead of its tests.
const asProgram = "REKEY_EXAMPLE_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	envtest.Main(m)
}

// process is the program in a process of its own, for what signals do.
type process struct {
	cmd *exec.Cmd
	log logBuffer
}

func startProcess(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0], args...)}
	p.cmd.Env = append(os.Environ(), asProgram+"=1")
	p.cmd.Stderr = &p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		p.cmd.Wait()
	})
	return p
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("sending %v: %v", s, err)
	}
}

// waitFor waits until the program has logged something, n times.
func (p *process) waitFor(t *testing.T, text string, n int) {
	t.Helper()
	envtest.Eventually(t, 20*time.Second, func() bool { return p.log.count(text) >= n }, text, " in its log")
}

// logBuffer takes what a program logs.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *logBuffer) count(text string) int { return strings.Count(b.String(), text) }

func TestHangups(t *testing.T) {
	issuer := envtest.Issuer(t)
	agent := newAgent(t)
	agent.render(t, issue(t, issuer))
	args := []string{"-listen=127.0.0.1:0", "-source=file", "-path=" + agent.file, "-database=" + issuer.Database().DSN("", "")}

	t.Run("asked for", func(t *testing.T) {
		p := startProcess(t, append(args, "-sighup")...)
		p.waitFor(t, "credential adopted", 1)
		for range 3 {
			p.signal(t, syscall.SIGHUP)
		}
		agent.render(t, issue(t, issuer))
		p.waitFor(t, "credential adopted", 2)
		p.signal(t, syscall.SIGTERM)
		if err := p.cmd.Wait(); err != nil {
			t.Errorf("it ended with %v; log:\n%s", err, &p.log)
		}
	})
	// What the README warns of.
	t.Run("not asked for", func(t *testing.T) {
		// Whoever runs the tests may ignore hangups, as nohup does, and children inherit that; not what is caught.
		caught := make(chan os.Signal, 1)
		signal.Notify(caught, syscall.SIGHUP)
		defer signal.Stop(caught)
		p := startProcess(t, args...)
		p.waitFor(t, "credential adopted", 1)
		p.signal(t, syscall.SIGHUP)
		if err := p.cmd.Wait(); err == nil || !strings.Contains(err.Error(), "hangup") {
			t.Errorf("it ended with %v, not by the signal", err)
		}
	})
}

func TestOptionsAreChecked(t *testing.T) {
	environment := map[string]string{"APP_SOURCE": "file", "APP_PATH": "/a", "APP_LEASE_DURATION": "1h", "APP_OWNERS": "100, 7"}
	o, err := parseOptions([]string{"-path=/b"}, func(name string) string { return environment[name] }, &logBuffer{})
	if err != nil || o.path != "/b" || o.leaseDuration != time.Hour || fmt.Sprint(o.owners) != "[100 7]" {
		t.Errorf("options %+v, error %v", o, err)
	}
	for _, args := range [][]string{
		{}, {"-source=x"}, {"-source=file"}, {"-source=vault"}, {"-source=vault", "-vault-role=a"}, {"-unknown"}, {"argument"},
		{"-source=vault", "-vault-role=a", "-database-role=a", "-sighup"}, {"-source=dir", "-path=/a", "-owners=root"},
		{"-source=dir", "-path=/a", "-stop=0s"}, {"-source=dir", "-path=/a", "argument"},
	} {
		var stderr logBuffer
		if code := run(t.Context(), args, func(string) string { return "" }, &stderr); code != exitUsage || stderr.String() == "" {
			t.Errorf("%q: exit code %d and %q, want %d and a reason", args, code, &stderr, exitUsage)
		}
	}
	bad := func(name string) string { return map[string]string{"APP_DRAIN": "soon"}[name] }
	if _, err := parseOptions(nil, bad, &logBuffer{}); err == nil || !strings.Contains(err.Error(), "APP_DRAIN") {
		t.Errorf("error %v, want one that names APP_DRAIN", err)
	}
}
