package managedpool

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/socket"
	"github.com/rekeyhq/rekey/internal/standby"
	"github.com/rekeyhq/rekey/internal/trust/pgtrust"
)

// defaultConnectTimeout is pgxpool's, for configurations that set none.
const defaultConnectTimeout = 2 * time.Minute

// nextSession gives a connect its session: the spare one, or one that is logged in now. While the server
// refuses the login in use it waits for a better one, within MaxHold; a caller whose own context ends sooner
// has left by then, and the connection goes to the next.
func (p *Pool) nextSession(ctx context.Context, b *backing, config *pgconn.Config) (*standby.Session, error) {
	deadline := time.Now().Add(p.options.MaxHold)
	hold, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	place := p.comes()
	defer place.leave()
	for ; ; place.back() {
		if spare := p.handover.takeSpare(b, place); spare != nil {
			return spare, nil
		}
		if _, err := p.engine.Login(hold); err != nil {
			return nil, err
		}
		if spare := p.handover.takeSpare(b, place); spare != nil {
			return spare, nil // it came while there was no login
		}
		g := p.current()
		if g.backing != b {
			return nil, errMoved // the login is for another pgxpool, with another configuration perhaps
		}
		if g.Useless() || !place.take() { // the engine is about to hear of the former
			select {
			case <-time.After(placePause):
				continue
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		made, err := p.logIn(ctx, g, config)
		if p.outlived(g, made) && b.gone() {
			discard(made)
			return nil, errMoved // its end has cancelled ctx
		}
		if p.outlived(g, made) && ctx.Err() == nil && time.Now().Before(deadline) {
			discard(made)
			continue
		}
		if err == nil {
			return made, nil
		}
		refused := loginError(g.credential.Version, err)
		if !distrusts(refused.SQLState) || time.Now().After(deadline) {
			return nil, withoutAddress(refused.Err)
		}
		if p.current() == g {
			p.engine.Refused(g.Snapshot.Load(), refused)
		}
	}
}

// outlived reports whether another login was adopted, or g ended, while a session was being made with g: made, or nil
// if that failed, perhaps because its time was up. The issuer does not see a login in flight, and may have ended its
// rights already.
func (p *Pool) outlived(g *generation, made *standby.Session) bool {
	if made != nil {
		g = made.Attached.(*session).generation.Load()
	}
	return g != p.current() || g.Useless()
}

// discard closes a session that nobody adopts, if there is one, and waits until its place is free.
func discard(made *standby.Session) {
	if made != nil {
		made.Close()
		made.Attached.(*session).await()
	}
}

// logIn makes a session with g's credential.
func (p *Pool) logIn(ctx context.Context, g *generation, config *pgconn.Config) (*standby.Session, error) {
	return p.logInAs(ctx, p.sessions.begin(g), g, config)
}

// logInAs makes a session that is already counted.
func (p *Pool) logInAs(ctx context.Context, s *session, g *generation, config *pgconn.Config) (*standby.Session, error) {
	ctx, cancel := p.closing.bound(ctx)
	defer cancel()
	config = config.Copy()
	p.fit(config, g, s)
	s.login.begin()
	made, err := standby.Dial(ctx, config)
	s.login.end()
	p.sessions.dialled(s)
	if err != nil {
		s.await() // its place must not be free before it is gone
		return nil, err
	}
	made.Attached = s
	return made, nil
}

// fit makes config log in with g's credential, and tells s of what comes of it.
func (p *Pool) fit(config *pgconn.Config, g *generation, s *session) {
	config.User = g.credential.Username
	config.Password = g.credential.Password.Reveal()
	g.endpoint.apply(config)
	if config.ConnectTimeout <= 0 {
		config.ConnectTimeout = defaultConnectTimeout
	}
	pgtrust.Require(config)
	config.DialFunc = p.countingDial(config.DialFunc, s)
	config.OnPgError = p.watchErrors(config.OnPgError, s)
}

// countingDial counts the session as open until its socket is closed. A configuration with several hosts
// dials more than once; the last dial is the session's.
func (p *Pool) countingDial(dial pgconn.DialFunc, s *session) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		counted := socket.New(conn, func() {
			if s.conn.Load() != nil { // else it is an attempt that failed, and another host may follow
				s.leaving.Store(true)
			}
		}, func(gone *socket.Socket) { p.sessions.socketEnded(s, gone) })
		p.sessions.attach(s, counted)
		return counted, nil
	}
}

// watchErrors looks at every error that the server sends, and leaves the verdict to next.
func (p *Pool) watchErrors(next pgconn.PgErrorHandler, s *session) pgconn.PgErrorHandler {
	return func(conn *pgconn.PgConn, err *pgconn.PgError) bool {
		switch {
		case mayMeanRevoked(err.Code):
			if err.Code == insufficientPrivilege {
				s.denied.Store(true)
			}
			p.sessions.suspected(s)
		case err.Code == adminShutdown && s.conn.Load() != nil:
			p.pings.Kick()
		}
		if next == nil {
			return !strings.EqualFold(err.Severity, "FATAL")
		}
		return next(conn, err)
	}
}

// refuse wraps what speaks against a credential before any login.
func refuse(version string, err error) *rekey.VerifyError {
	return &rekey.VerifyError{Version: version, Class: rekey.VerifyForbidden, Err: fmt.Errorf("managedpool: %w", err)}
}
