// Command vaultserver is a small Vault server for tests: Vault's own core with the engines that the tests of this
// project use. It speaks plain HTTP and starts sealed, as "vault server" does.
package main

import (
	"context"
	"errors"
	"flag"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/vault"
)

// drain is how long requests may take to end once the server was told to stop.
const drain = 2 * time.Second

func main() {
	listen := flag.String("listen", "127.0.0.1:8200", "the address to serve, on the loopback interface")
	storage := flag.String("storage", "", "the folder for the data; empty: memory")
	level := flag.String("log-level", "info", "trace, debug, info, warn or error")
	flag.Parse()
	logger := hclog.New(&hclog.LoggerOptions{Output: os.Stderr, Level: hclog.LevelFromString(*level)})
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, *listen, *storage, logger); err != nil {
		logger.Error("the server ended", "error", err)
		os.Exit(1)
	}
}

// run serves until ctx ends or serving fails, and leaves nothing running.
func run(ctx context.Context, listen, storage string, logger hclog.Logger) error {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	core, err := newCore("http://"+listener.Addr().String(), storage, logger)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler(core), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	logger.Info("serving", "address", listener.Addr().String())
	select {
	case err = <-served:
	case <-ctx.Done():
		err = shutdown(server)
	}
	return errors.Join(err, core.ShutdownWait())
}

func handler(core *vault.Core) http.Handler {
	return vaulthttp.Handler.Handler(&vault.HandlerProperties{
		Core:           core,
		ListenerConfig: &configutil.Listener{},
	})
}

// shutdown lets requests end for a moment, and cuts off those that do not.
func shutdown(server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	if server.Shutdown(ctx) == nil {
		return nil
	}
	return server.Close()
}
