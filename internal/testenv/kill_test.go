package testenv_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

// victimEnv makes TestVictim start a server of that kind: it is another process's part of
// TestKilledOwnerLeavesNothing.
const victimEnv = "REKEY_TESTENV_VICTIM"

// TestVictim starts a server, says where, and waits to be killed.
func TestVictim(t *testing.T) {
	switch os.Getenv(victimEnv) {
	default:
		return // nothing to test in this process
	case "postgres":
		server, err := testenv.StartPostgres(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("victim", server.Addr(), server.DataDir)
	case "mariadb":
		server, err := testenv.StartMariaDB(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("victim", server.Addr(), server.DataDir)
	case "vault", "paused vault":
		server, err := testenv.StartVault(context.Background())
		if err == nil && os.Getenv(victimEnv) == "paused vault" {
			err = server.Pause()
		}
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("victim", strings.TrimPrefix(server.Addr(), "http://"), server.LogFile)
	}
	select {}
}

func TestKilledOwnerLeavesNothing(t *testing.T) {
	for _, kind := range []string{"postgres", "mariadb", "vault", "paused vault"} {
		t.Run(kind, func(t *testing.T) { killOwner(t, kind) })
	}
}

func killOwner(t *testing.T, kind string) {
	victim := exec.Command(os.Args[0], "-test.run=^TestVictim$")
	victim.Env = append(os.Environ(), victimEnv+"="+kind)
	output, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	defer victim.Wait()
	defer victim.Process.Kill()
	addr, data := whereabouts(t, bufio.NewScanner(output))
	if !answers(addr) {
		t.Fatal("the victim's server does not answer")
	}
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	envtest.Eventually(t, 20*time.Second, func() bool {
		_, err := os.Stat(data)
		return errors.Is(err, fs.ErrNotExist) && !answers(addr)
	}, "the server and its folder are gone")
}

// whereabouts reads the address of the victim's server and a file of its from what the victim says.
func whereabouts(t *testing.T, lines *bufio.Scanner) (addr, data string) {
	t.Helper()
	for lines.Scan() {
		if _, err := fmt.Sscanf(lines.Text(), "victim %s %s", &addr, &data); err == nil {
			return addr, data
		}
	}
	t.Fatalf("the victim said nothing: %v", lines.Err())
	return "", ""
}

// answers asks the port and not the process id: a container without an init keeps the dead in its process list.
func answers(addr string) bool {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
