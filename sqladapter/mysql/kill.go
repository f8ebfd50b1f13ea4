package mysql

import (
	"context"
	"database/sql/driver"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rekeyhq/rekey/internal/socket"
	"github.com/rekeyhq/rekey/sqladapter"
)

const (
	// placePatience is the wait for a place for the session that asks for another's end.
	placePatience = 200 * time.Millisecond
	// killTimeout bounds its login and its one statement.
	killTimeout = 2 * time.Second
)

// dialFunc is what the driver connects with.
type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// watching returns the dial function for connections to what config says, which has a login.
func watching(config *mysql.Config) dialFunc {
	dial := config.DialFunc
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	k := &killer{config: config.Clone(), dial: dial}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		s := sqladapter.SessionFrom(ctx)
		if err != nil || s == nil {
			return conn, err
		}
		return watch(conn, s, k.kill), nil
	}
}

// killer ends sessions of one login on the server. An account may end its own.
type killer struct {
	config *mysql.Config
	dial   dialFunc

	refused atomic.Bool // the server refuses the login: no other is tried
}

// kill ends session id, unless ctx ends first. It takes a place beside s.
func (k *killer) kill(ctx context.Context, s *sqladapter.Session, id uint32) {
	if k.refused.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, killTimeout)
	defer cancel()
	waits, stop := context.WithTimeout(ctx, placePatience)
	release := s.Beside(waits)
	stop()
	defer release()
	if ctx.Err() != nil {
		return
	}
	switch Classify(k.order(ctx, id)).Meaning {
	case sqladapter.PasswordRefused, sqladapter.LoginForbidden:
		k.refused.Store(true)
	}
}

// order logs in and tells the server. It returns when its own session is gone, too.
func (k *killer) order(ctx context.Context, id uint32) error {
	config := k.config.Clone()
	var gone chan struct{}
	config.DBName, config.Params = "", nil
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := k.dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		gone = make(chan struct{})
		return socket.New(conn, func() {}, func(*socket.Socket) { close(gone) }), nil
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return err
	}
	defer func() {
		if gone != nil {
			<-gone
		}
	}()
	conn, err := connector.Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.(driver.ExecerContext).ExecContext(ctx, "KILL CONNECTION "+strconv.FormatUint(uint64(id), 10), nil)
	return err
}
