package testenv_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

// proxied returns a proxy and a connection string that goes through it.
func proxied(t *testing.T) (*testenv.Proxy, string) {
	t.Helper()
	issuer, proxy := envtest.Issuer(t), envtest.Proxy(t)
	login := issue(t, issuer)
	return proxy, issuer.Database().DSNAt(proxy.Port(), login.User, login.Password)
}

func TestProxyCounts(t *testing.T) {
	envtest.NoLeak(t)
	proxy, dsn := proxied(t)
	first, second := connect(t, dsn), connect(t, dsn)
	if proxy.Open() != 2 || proxy.Clients() != 2 {
		t.Fatalf("open %d, clients %d, want 2 and 2", proxy.Open(), proxy.Clients())
	}
	first.Close(t.Context())
	envtest.Eventually(t, 5*time.Second, func() bool { return proxy.Open() == 1 && proxy.Clients() == 1 }, "one open")
	second.Close(t.Context())
	envtest.Eventually(t, 5*time.Second, func() bool { return proxy.Open() == 0 }, "none open")
	if proxy.MaxOpen() != 2 || proxy.MaxClients() != 2 || proxy.Total() != 2 {
		t.Errorf("max %d, clients %d, total %d, want 2 of each", proxy.MaxOpen(), proxy.MaxClients(), proxy.Total())
	}
}

func TestProxyCountsServersWhoseClientHasGone(t *testing.T) {
	envtest.NoLeak(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	proxy, err := testenv.StartProxy(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	client, err := net.Dial("tcp", proxy.Addr())
	if err != nil {
		t.Fatal(err)
	}
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	envtest.Eventually(t, 5*time.Second, func() bool { return proxy.Clients() == 0 }, "the client is gone")
	if proxy.Open() != 1 {
		t.Errorf("open %d, want 1: the server has not closed", proxy.Open())
	}
	server.Close()
	envtest.Eventually(t, 5*time.Second, func() bool { return proxy.Open() == 0 }, "the server has closed")
}

func TestProxyCuts(t *testing.T) {
	proxy, dsn := proxied(t)
	conn := connect(t, dsn)
	proxy.CloseAll()
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("the connection survived")
	}
	envtest.Eventually(t, 5*time.Second, func() bool { return proxy.Open() == 0 }, "none open")
	connect(t, dsn)
}

func TestProxyPauses(t *testing.T) {
	proxy, dsn := proxied(t)
	conn := connect(t, dsn)
	proxy.Pause()
	answered := make(chan error, 1)
	go func() { answered <- conn.Ping(context.Background()) }()
	select {
	case err := <-answered:
		t.Fatalf("answered through a paused proxy: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	proxy.Resume()
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

func TestProxyRefuses(t *testing.T) {
	proxy, dsn := proxied(t)
	conn := connect(t, dsn)
	proxy.Refuse(true)
	if _, err := pgx.Connect(t.Context(), dsn); err == nil {
		t.Error("a refused connection was made")
	}
	if err := conn.Ping(t.Context()); err != nil {
		t.Errorf("the open connection: %v", err)
	}
	proxy.Refuse(false)
	connect(t, dsn)
}

func TestProxyClosesWhilePaused(t *testing.T) {
	envtest.NoLeak(t)
	proxy, dsn := proxied(t)
	conn := connect(t, dsn)
	proxy.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := conn.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ping through a paused proxy: %v", err)
	}
	if err := proxy.Close(); err != nil {
		t.Error(err)
	}
}
