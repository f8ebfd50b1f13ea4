package contender

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// beforeConnect is what pgx itself offers. pgxpool's documentation of Config: "BeforeConnect is called before a new
// connection is made. It is passed a copy of the underlying pgx.ConnConfig and will not impact any existing open
// connections"; "MaxConnLifetime is the duration since creation after which a connection will be automatically closed";
// "MaxConnLifetimeJitter is the duration after MaxConnLifetime to randomly decide to close a connection. This helps prevent
// all connections from being closed at the exact same time, starving the pool".
var beforeConnect = Contender{
	ID: "beforeconnect", Over: "plain", Name: "pgxpool, BeforeConnect", Extra: 0,
	Text: "pgxpool whose BeforeConnect asks the store for the login of each new connection; " + remembers + ". With MaxConnLifetime and its jitter: " + lifetimes +
		". (pgxpool reckons the jitter in whole seconds: with leases as short as here it is none, or a second for half of the pool of 80.)",
	Open: func(ctx context.Context, w World) (Pool, error) {
		pool, err := openBeforeConnect(ctx, w, w.setLifetime)
		if err != nil {
			return nil, err
		}
		return pgxPool{pool, pool.Close}, nil
	},
}

// beforeConnectReset is the same with pgxpool's Reset: it "closes all connections, but leaves the pool open. It is
// intended for use when an error is detected that would disrupt all connections (such as a network interruption or a
// server state change)".
var beforeConnectReset = Contender{
	ID: "reset", Over: "plain", Name: "pgxpool, BeforeConnect and Reset", Extra: 0,
	Text: "The same without a lifetime, and with a watcher that calls pgxpool's Reset at each change of the secret.",
	Open: func(ctx context.Context, w World) (Pool, error) {
		pool, err := openBeforeConnect(ctx, w, nil)
		if err != nil {
			return nil, err
		}
		resets := watch(w.Store, func(context.Context) error { pool.Reset(); return nil })
		return pgxPool{pool, func() { resets.stop(); pool.Close() }}, nil
	},
}

// setLifetime has connections closed by age, soon after they have come to it.
func (w World) setLifetime(c *pgxpool.Config) {
	life := w.lifetime()
	if life == 0 {
		return
	}
	c.MaxConnLifetime, c.MaxConnLifetimeJitter = life*7/8, life/8
	c.HealthCheckPeriod = life / 8
	if life >= 2*time.Second { // a jitter of two seconds is none, or one of a second
		c.MaxConnLifetime, c.MaxConnLifetimeJitter = life*7/8-time.Second, 2*time.Second
	}
}

func openBeforeConnect(ctx context.Context, w World, change func(*pgxpool.Config)) (*pgxpool.Pool, error) {
	from := &lastGood{store: w.Store}
	secret, err := from.Get(ctx)
	if err != nil {
		return nil, err
	}
	config, err := w.config(w.dsn(secret))
	if err != nil {
		return nil, err
	}
	config.BeforeConnect = func(ctx context.Context, config *pgx.ConnConfig) error {
		secret, err := from.Get(ctx)
		if err != nil {
			return err
		}
		config.User, config.Password = secret.User, secret.Password
		return nil
	}
	if change != nil {
		change(config)
	}
	return pgxpool.NewWithConfig(ctx, config)
}
