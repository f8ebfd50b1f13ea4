package managedpool

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rekeyhq/rekey/internal/standby"
)

// install puts the pool's hooks into config, a copy of the user's, in front of or behind the user's own.
func (b *backing) install(config *Config) {
	user := b.config
	config.BeforeConnect = b.beforeConnect
	config.PrepareConn = b.prepareConn
	config.BeforeAcquire = nil //lint:ignore SA1019 users may still set it
	config.AfterConnect = b.afterConnect
	config.BeforeClose = b.beforeClose
	if user.AfterRelease != nil {
		config.AfterRelease = b.afterRelease
	}
	config.ShouldPing = b.shouldPing
	config.ConnConfig.Tracer = newPoolTracer(b, user.ConnConfig.Tracer)
}

// beforeConnect runs the user's hook, then routes the connect to a session that the pool logs in itself.
func (b *backing) beforeConnect(ctx context.Context, config *pgx.ConnConfig) error {
	if e := b.errandOf(ctx); e != nil && e.dialing != nil {
		e.dialing()
	}
	if err := b.admit(ctx); err != nil {
		return err
	}
	if err := b.prepareConfig(ctx, config); err != nil {
		return err
	}
	if user := b.owner.current().credential.Username; user != "" {
		config.User = user // for the texts of errors; the login is decided when the session is made
	}
	login := config.Config.Copy()
	birth := birth{asked: time.Now(), number: b.connects.Add(1)}
	next := func(ctx context.Context) (*standby.Session, error) {
		b.taken.Add(1) // by a connect that its caller may have left
		defer b.taken.Add(-1)
		made, err := b.owner.nextSession(ctx, b, login)
		if err == nil {
			made.Attached.(*session).birth.Store(&birth)
		}
		return made, err
	}
	standby.Route(&config.Config, next, adopt)
	return nil
}

// prepareConfig gives config the user's tracer back, whose place in the pool's configuration the pool's own
// has taken, and runs the user's BeforeConnect.
func (b *backing) prepareConfig(ctx context.Context, config *pgx.ConnConfig) error {
	config.Tracer = b.config.ConnConfig.Tracer
	if b.config.BeforeConnect != nil {
		return b.config.BeforeConnect(ctx, config)
	}
	return nil
}

// adopt ties a connection to its session.
func adopt(conn *pgconn.PgConn, from *standby.Session) {
	s := from.Attached.(*session)
	conn.CustomData()[sessionKey] = s
	s.conn.Store(conn)
}

// prepareConn is asked about every connection that is about to be handed out.
func (b *backing) prepareConn(ctx context.Context, conn *pgx.Conn) (bool, error) {
	if b.owner.sessions.attention.Load() == 0 && b.prepareUser == nil {
		return true, nil
	}
	return b.prepareSlowly(ctx, conn)
}

func (b *backing) prepareSlowly(ctx context.Context, conn *pgx.Conn) (bool, error) {
	s := sessionOf(conn)
	if e := b.errandOf(ctx); e != nil {
		if e.refuse != nil && e.refuse(s) {
			s.leaving.Store(true)
			return false, nil
		}
		s.held.Store(true)
		if time.Now().UnixNano()-s.usedAt.Load() > int64(pingAfter) {
			s.touched.Store(true)
		}
		return true, nil
	}
	if s.stray.Load() || s.outdated.Load() && !s.unborn.Swap(false) || s.generation.Load().Useless() {
		return false, nil
	}
	a := attemptOf(ctx, b)
	if !a.give() {
		return true, errMoved
	}
	if b.prepareUser == nil {
		return true, nil
	}
	if a != nil {
		ctx = a.caller
	}
	ok, err := b.prepareUser(ctx, conn)
	if !ok && err == nil {
		a.takeBack()
	}
	return ok, err
}

// userPrepare is the user's PrepareConn, or his older BeforeAcquire in its form: pgxpool's own rule.
func userPrepare(config *Config) func(context.Context, *pgx.Conn) (bool, error) {
	//lint:ignore SA1019 users may still set it
	if config.PrepareConn != nil || config.BeforeAcquire == nil {
		return config.PrepareConn
	}
	return func(ctx context.Context, conn *pgx.Conn) (bool, error) {
		return config.BeforeAcquire(ctx, conn), nil //lint:ignore SA1019 as above
	}
}

// pingAfter is how long a connection may be idle before pgxpool pings it.
const pingAfter = time.Second

// shouldPing decides as pgxpool or the user's hook does. Idle connections that the pool itself took a moment ago
// look used, and are taken for such that were idle for long. The pool's own errands do not ping.
func (b *backing) shouldPing(ctx context.Context, params pgxpool.ShouldPingParams) bool {
	if b.owner.sessions.errandAgo.Load() && params.IdleDuration <= pingAfter {
		if b.errandOf(ctx) != nil {
			return false
		}
		if sessionOf(params.Conn).touched.Swap(false) {
			params.IdleDuration = pingAfter + 1
		}
	}
	ping := params.IdleDuration > pingAfter
	if b.config.ShouldPing != nil {
		ping = b.config.ShouldPing(ctx, params)
	}
	return ping && attemptOf(ctx, b).ping()
}

// afterConnect runs the user's hook; after it the connection is one that callers can get.
func (b *backing) afterConnect(ctx context.Context, conn *pgx.Conn) error {
	if b.config.AfterConnect != nil {
		if err := b.config.AfterConnect(ctx, conn); err != nil {
			closeConn(conn)
			sessionOf(conn).await() // its place must not be free before it is gone
			return err
		}
	}
	sessionOf(conn).pooled.Store(true)
	b.owner.callers.created.Add(1)
	return nil
}

// tryAfterConnect runs the user's AfterConnect, and his BeforeClose for whatever the former has set up: the
// connection as he saw it ends here.
func (b *backing) tryAfterConnect(ctx context.Context, conn *pgx.Conn) error {
	if b.config.AfterConnect == nil {
		return nil
	}
	if err := b.config.AfterConnect(ctx, conn); err != nil {
		return err
	}
	b.userBeforeClose(conn)
	return nil
}

// released lets go of a connection that should not go back, and reports whether that is so. pgxpool then closes it as it
// closes others: beside the caller, BeforeClose and all.
func (b *backing) released(conn *pgx.Conn, s *session) (goes bool) {
	if b.owner.sessions.cleared(s) {
		b.owner.checkRole(conn, s)
	}
	goes = s.stray.Load() || s.outdated.Load() || s.generation.Load().Leaves() || b.owner.handover.mayGo(s) || b.owner.wanted(s)
	if goes {
		s.part(conn)
	}
	return goes
}

// afterRelease asks the user's hook, but not about what the pool itself had taken.
func (b *backing) afterRelease(conn *pgx.Conn) bool {
	if s := sessionOf(conn); s != nil && s.held.Swap(false) {
		b.owner.handover.Kick() // it is idle in a moment, and was not when the hand-over looked
		return true
	}
	return b.config.AfterRelease(conn)
}

// beforeClose runs the user's hook, says goodbye, and waits for the server to end the session: the place in
// the pool must not be free before the session is gone.
func (b *backing) beforeClose(conn *pgx.Conn) {
	s := sessionOf(conn)
	if s == nil {
		b.userBeforeClose(conn)
		return
	}
	s.parted()
	b.owner.sessions.home(s)
	s.leaving.Store(true)
	b.userBeforeClose(conn)
	closeConn(conn)
	s.await()
}

// goodbyeTimeout bounds the message with which a session ends. pgxpool allows 15 seconds; a goodbye that a
// server does not take at once is not worth a caller's time.
const goodbyeTimeout = time.Second

func (b *backing) userBeforeClose(conn *pgx.Conn) {
	if b.config.BeforeClose != nil {
		b.config.BeforeClose(conn)
	}
}
