package managedpool

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/refresh"
	"github.com/rekeyhq/rekey/internal/standby"
	"github.com/rekeyhq/rekey/probe"
	"github.com/rekeyhq/rekey/probe/pgxprobe"
	"github.com/rekeyhq/rekey/source"
)

// fullPause is the wait before another try where the server, the database or the role had no session left; it is
// doubled for each of the fullTries.
const (
	fullPause = 50 * time.Millisecond
	fullTries = 3
)

// verifyStatements is how many statements the connection of a verification remembers. pgx makes room for all of 512 with each
// connection, 53 KiB; that of a verification has the user's AfterConnect and the probe to run, and what it remembers is forgotten
// with it: its session is adopted by another connection.
const verifyStatements = 16

// verified is a session that has passed verification, and the generation that it will be the first of.
type verified struct {
	generation *generation
	session    *standby.Session // nil once it has waited for too long
}

// discard closes what was verified for nothing.
func (v *verified) discard() {
	if v.session != nil {
		v.session.Close()
	}
	if b := v.generation.backing; b.pool != nil && !b.isPublished() {
		b.close()
	}
}

// Verify logs in with next on a connection beside the pool and asks the probe. A session that has passed
// becomes the new generation's first connection.
func (p target) Verify(ctx context.Context, next source.Credential, inUse *refresh.Generation) error {
	p.forgetVerified()
	e, err := endpointOf(next, &p.config.ConnConfig.Config, p.endpoints)
	if err != nil {
		return refuse(next.Version, err)
	}
	b, err := p.backingFor(ctx, next, e)
	if source.IsPermanent(err) {
		return refuse(next.Version, err)
	}
	if err != nil {
		return fmt.Errorf("managedpool: %w", err)
	}
	g := newGeneration(b, next, e)
	session, err := p.verify(ctx, g, inUse)
	if err != nil {
		return err
	}
	v := &verified{generation: g, session: session}
	if b.pool == nil {
		if err := b.open(ctx); err != nil {
			v.discard()
			return err
		}
	}
	p.keepVerified(v)
	return nil
}

// verify makes the connection. Where the server has no room for it, it gives up one idle connection, once, and
// tries again a few times: a server that stays full says nothing of the credential.
func (p *Pool) verify(ctx context.Context, g *generation, inUse *refresh.Generation) (*standby.Session, error) {
	session, err := p.tryVerify(ctx, g, inUse)
	for n := 0; n < fullTries && sqlState(err) == tooManyConnections; n++ {
		if n == 0 {
			p.giveUpIdle()
		}
		select {
		case <-time.After(fullPause << n):
		case <-ctx.Done():
			return nil, err
		}
		session, err = p.tryVerify(ctx, g, inUse)
	}
	return session, err
}

func (p *Pool) tryVerify(ctx context.Context, g *generation, inUse *refresh.Generation) (*standby.Session, error) {
	config, err := g.backing.dialConfig(ctx)
	if err != nil {
		return nil, err
	}
	config.Tracer = nil
	config.StatementCacheCapacity = min(config.StatementCacheCapacity, verifyStatements)
	config.DescriptionCacheCapacity = min(config.DescriptionCacheCapacity, verifyStatements)
	shown := config.Config.Copy()
	s, err := p.beginExtra(ctx, g)
	if err != nil {
		return nil, err
	}
	p.fit(&config.Config, g, s)
	p.fit(shown, g, s)
	config.AfterConnect = nil // pgconn's: it belongs to the connection that adopts the session
	s.login.begin()
	conn, err := pgx.ConnectConfig(ctx, config)
	s.login.end()
	p.sessions.dialled(s)
	if err != nil {
		return nil, loginError(g.credential.Version, err)
	}
	if err := p.examine(ctx, conn, g, inUse); err != nil {
		closeConn(conn)
		return nil, err
	}
	session, err := standby.FromConn(ctx, conn.PgConn(), shown)
	if err != nil {
		return nil, err
	}
	session.Attached = s
	return session, nil
}

// beginExtra counts a session that is beyond those of pgxpool, once the headroom has a place for it. A spare
// session that has the place is adopted in a moment; one that is not must go.
func (p *Pool) beginExtra(ctx context.Context, g *generation) (*session, error) {
	limit := time.AfterFunc(spareYield, p.handover.dropSpare)
	defer limit.Stop()
	if err := p.headroom.acquire(ctx); err != nil {
		return nil, fmt.Errorf("managedpool: no place in Options.Headroom for a verification: %w", err)
	}
	if p.options.Headroom < 0 {
		if err := p.makeRoom(ctx); err != nil {
			p.headroom.release()
			return nil, err
		}
	}
	return p.sessions.beginExtra(g), nil
}

// examine runs what every connection of the pool will go through, then the probe, and leaves the session as
// if nothing had happened on it.
func (p *Pool) examine(ctx context.Context, conn *pgx.Conn, g *generation, inUse *refresh.Generation) error {
	if err := g.backing.tryAfterConnect(ctx, conn); err != nil {
		return lackingError(g.credential.Version, fmt.Errorf("managedpool: AfterConnect: %w", withoutConfig(err)))
	}
	target := probe.Target{Conn: pgxprobe.Conn(conn)}
	if inUse != nil {
		target.Current = inUse.Credential.Username
	}
	if err := p.options.Probe.Check(ctx, target); err != nil {
		return lackingError(g.credential.Version, err)
	}
	if _, err := conn.PgConn().Exec(ctx, "discard all").ReadAll(); err != nil {
		return fmt.Errorf("managedpool: cleaning up after the probe: %w", err)
	}
	return nil
}

// lackingError says whether a check that failed speaks against the credential. A check that connects by itself
// returns errors that hold the configuration, too.
func lackingError(version string, err error) error {
	out := &rekey.VerifyError{Version: version, SQLState: sqlState(err), Err: withoutConfig(err)}
	if probe.Lacks(err) {
		out.Class = rekey.VerifyLacking
	}
	return out
}

func closeConn(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeTimeout)
	defer cancel()
	conn.Close(ctx)
}

// keepVerified keeps what was verified for Publish, which follows at once, or not at all. A session that is not
// needed soon is closed.
func (p *Pool) keepVerified(v *verified) {
	p.verifiedMu.Lock()
	defer p.verifiedMu.Unlock()
	p.verified = v
	time.AfterFunc(spareLife, func() {
		if session := p.takeSession(v); session != nil {
			session.Close()
		}
	})
}

// takeSession takes the session of what is kept, if that is still v.
func (p *Pool) takeSession(v *verified) *standby.Session {
	p.verifiedMu.Lock()
	defer p.verifiedMu.Unlock()
	if p.verified != v {
		return nil
	}
	session := v.session
	v.session = nil
	return session
}

// takeVerified takes what was verified last; nil if it was taken before.
func (p *Pool) takeVerified() *verified {
	p.verifiedMu.Lock()
	defer p.verifiedMu.Unlock()
	v := p.verified
	p.verified = nil
	return v
}

// forgetVerified ends what was verified for nothing.
func (p *Pool) forgetVerified() {
	if v := p.takeVerified(); v != nil {
		v.discard()
	}
}
