package testenv

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

const (
	vaultFolder   = "internal/testenv/vaultserver"
	unusedVaults  = 30 * 24 * time.Hour // after this a program that nobody has started is removed
	lockPoll      = 200 * time.Millisecond
	goPatience    = 10 * time.Second // what the go command may take to end when it is told to
	buildSaysMost = 4000             // how much of what the go command says goes into an error
)

// vaultBuildFlags do not depend on how the tests are built, so that -race and the like share one program.
var vaultBuildFlags = []string{"-mod=readonly", "-race=false", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"}

// builtVault returns the program made from the module vaultserver, and makes it when it is not there.
func builtVault(ctx context.Context) (string, error) {
	source, err := vaultSource()
	if err != nil {
		return "", err
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("there is no folder to keep the Vault test server in; set HOME or XDG_CACHE_HOME, "+
			"or put an installed vault on PATH: %w", err)
	}
	return buildOnce(ctx, source, filepath.Join(base, "rekey"))
}

// buildOnce returns the program made from the module in source, which is kept in cache. Processes that want it at the
// same time build it once.
func buildOnce(ctx context.Context, source, cache string) (string, error) {
	key, err := buildKey(source)
	if err != nil {
		return "", fmt.Errorf("reading the Vault test server's sources: %w", err)
	}
	b := vaultBuild{source: source, cache: cache, program: filepath.Join(cache, "vaultserver-"+key)}
	if b.built() {
		return b.program, nil
	}
	unlock, err := b.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	if b.built() { // by somebody else, while we waited
		return b.program, nil
	}
	b.tidy()
	return b.program, b.build(ctx)
}

// vaultSource finds the module beside this file.
func vaultSource() (string, error) {
	_, file, _, _ := runtime.Caller(0)
	dir := filepath.Join(filepath.Dir(file), filepath.Base(vaultFolder))
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		return "", fmt.Errorf("the Vault test server's sources (%s) are not where this program was compiled; run it "+
			"beside the repository and without -trimpath, or put an installed vault on PATH: %w", vaultFolder, err)
	}
	return dir, nil
}

// buildKey is a hash of everything that the program depends on: other sources, another Go and another system have
// another one.
func buildKey(source string) (string, error) {
	hash := sha256.New()
	fmt.Fprintln(hash, runtime.Version(), runtime.GOOS, runtime.GOARCH, vaultBuildFlags)
	files, err := os.ReadDir(source) // sorted
	if err != nil {
		return "", err
	}
	for _, file := range files {
		name := file.Name()
		if name != "go.mod" && name != "go.sum" && filepath.Ext(name) != ".go" {
			continue
		}
		content, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(hash, "%s %d\n", name, len(content))
		hash.Write(content)
	}
	return hex.EncodeToString(hash.Sum(nil)[:10]), nil
}

// vaultBuild is one build of the server.
type vaultBuild struct {
	source  string
	cache   string // our folder in the user's cache
	program string // in that
}

// built reports whether the program is there, and notes that it is still used.
func (b *vaultBuild) built() bool {
	if _, err := os.Stat(b.program); err != nil {
		return false
	}
	now := time.Now()
	os.Chtimes(b.program, now, now) // in a folder that cannot be written nothing is tidied up either
	return true
}

// lock makes sure that nobody else builds here. It says so when it has to wait.
func (b *vaultBuild) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(b.cache, 0o755); err != nil {
		return nil, fmt.Errorf("making the folder for the Vault test server; set XDG_CACHE_HOME to one that can be "+
			"written, or put an installed vault on PATH: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(b.cache, "vaultserver.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	waiting := false
	for {
		locked, err := tryLock(file)
		if locked {
			return func() { file.Close() }, nil // which unlocks it
		}
		if err == nil {
			err = pause(ctx, lockPoll)
		}
		if err != nil {
			file.Close()
			return nil, fmt.Errorf("waiting for another process that builds the Vault test server: %w", err)
		}
		if !waiting {
			waiting = true
			fmt.Fprintln(os.Stderr, "testenv: waiting for another process that builds the Vault test server")
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// tidy removes what builds that were killed have left, and programs that nobody has started for long. The caller has
// the lock. What cannot be removed is left.
func (b *vaultBuild) tidy() {
	halves, _ := filepath.Glob(filepath.Join(b.cache, "vaultbuild-*"))
	for _, half := range halves {
		os.RemoveAll(half)
	}
	programs, _ := filepath.Glob(filepath.Join(b.cache, "vaultserver-*"))
	for _, program := range programs {
		if info, err := os.Stat(program); err == nil && time.Since(info.ModTime()) > unusedVaults {
			os.Remove(program)
		}
	}
}

// build compiles the program and puts it in its place. The caller has the lock.
func (b *vaultBuild) build(ctx context.Context) error {
	half, err := os.MkdirTemp(b.cache, "vaultbuild-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(half)
	started := time.Now()
	fmt.Fprintf(os.Stderr, "testenv: building the Vault test server (%s): about six minutes the first time, on two "+
		"processors; kept in %s\n", vaultFolder, b.program)
	if err := b.compile(ctx, filepath.Join(half, "vaultserver")); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "testenv: built in %v\n", time.Since(started).Round(time.Second))
	return os.Rename(filepath.Join(half, "vaultserver"), b.program)
}

func (b *vaultBuild) compile(ctx context.Context, output string) error {
	args := append([]string{"build", "-o", output}, vaultBuildFlags...)
	cmd := exec.CommandContext(ctx, "go", append(args, ".")...)
	cmd.Dir = b.source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = goPatience
	said, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("building the Vault test server failed; \"make vault-server\" builds it without a time limit, "+
			"and an installed vault on PATH does without: go build in %s: %w\n%s", b.source, err, lastOf(said))
	}
	return nil
}

// lastOf is the end of what a program has said, where its error is.
func lastOf(said []byte) string {
	said = bytes.TrimSpace(said)
	return string(said[max(0, len(said)-buildSaysMost):])
}
