package sqladapter

import (
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/announce"
	"github.com/rekeyhq/rekey/internal/gate"
	"github.com/rekeyhq/rekey/internal/refresh"
	"github.com/rekeyhq/rekey/internal/reports"
	"github.com/rekeyhq/rekey/internal/worker"
	"github.com/rekeyhq/rekey/source"
)

// adapter is what stands between one *sql.DB and its driver.
type adapter struct {
	mu  sync.RWMutex // guards cur; held to copy or replace the pointer, never across I/O
	cur *generation  // the credential in use, and what connects with it

	config Config
	db     *sql.DB

	places   *places
	sessions *registry
	engine   *refresh.Engine
	handover *handover
	ends     *ends
	reports  *reports.Reports[*generation]
	pings    *worker.Worker
	checks   *gate.Gate // for the question whether the account of a session still exists

	verifiedMu sync.Mutex // guards verified
	verified   *verified

	callers callers // what callers have asked for

	raised atomic.Bool // it was told that SetMaxOpenConns has set too much

	lending atomic.Int32 // connections that the adapter itself has taken, or is taking: they are not in use

	makesRoom *permit // for a connection that comes home, to make room for a verification

	closing *closing
}

// roleCheckInterval keeps an application whose statements fail regularly from paying for it more than a hundredth or so
// of one connection.
const roleCheckInterval = 100 * time.Millisecond

// newAdapter makes the parts and connects nothing.
func newAdapter(config Config) (*adapter, error) {
	a := &adapter{config: config.withDefaults(), checks: gate.New(roleCheckInterval), makesRoom: newPermit(), closing: newClosing()}
	if err := a.config.validate(); err != nil {
		return nil, err
	}
	a.places = newPlaces(a.config.MaxOpenConns, a.config.Headroom)
	a.sessions = newRegistry(a.places, a.sessionEnded)
	a.handover = newHandover(a)
	a.ends = newEnds(a)
	a.pings = worker.New(a.pingIdle)
	engine := a.config.settings().Config()
	engine.Source, engine.Target, engine.OnEvent = a.config.Source, target{a}, a.tell
	a.engine = refresh.New(engine)
	a.reports = reports.New(reports.Pool[*generation]{
		Engine: a.engine, Current: a.current, TakeNews: a.sessions.takeNews, TakeDrained: a.sessions.takeDrained, Held: "in use",
	})
	a.db = sql.OpenDB(connector{a})
	a.db.SetMaxOpenConns(a.config.MaxOpenConns)
	a.db.SetMaxIdleConns(a.config.MaxOpenConns)
	return a, nil
}

// current returns the generation in use; nil before the first.
func (a *adapter) current() *generation {
	a.mu.RLock()
	g := a.cur
	a.mu.RUnlock()
	return g
}

// newGeneration makes a generation of a credential that is to be verified.
func (a *adapter) newGeneration(c source.Credential) (*generation, error) {
	c, err := a.followed(c)
	if err != nil {
		return nil, source.Permanent(err)
	}
	made, err := a.config.Driver.Connector(c)
	if err != nil {
		return nil, constructorError(err, c.Password.Reveal())
	}
	return &generation{credential: c, connector: made}, nil
}

// constructorError is what becomes of an error of Driver.Connector, which may repeat what it was given.
func constructorError(err error, password string) error {
	shown := fmt.Errorf("sqladapter: Driver.Connector: %w", redact(err, password, false))
	if source.IsPermanent(err) {
		return source.Permanent(shown)
	}
	return shown
}

// understand says what a server's answer to a session of g means. Its error holds no password.
func (a *adapter) understand(g *generation, err error) Answer {
	dialled, parsed := err.(dialledError)
	if parsed {
		err = dialled.error
	}
	answer := a.config.Driver.classify(err)
	answer.Err = redact(answer.Err, g.credential.Password.Reveal(), parsed || answer.Code != "")
	return answer
}

// followed takes the endpoint out of a credential, or checks it.
func (a *adapter) followed(c source.Credential) (source.Credential, error) {
	if a.config.FollowEndpoint == nil {
		c.Host, c.Port, c.Database = "", 0, ""
		return c, nil
	}
	if c.Host == "" && c.Port == 0 && c.Database == "" {
		return c, nil
	}
	if err := a.config.FollowEndpoint(c.Host, c.Port, c.Database); err != nil {
		return c, fmt.Errorf("sqladapter: endpoint %s:%d/%s is not followed: %w", c.Host, c.Port, c.Database, err)
	}
	return c, nil
}

// serves reports whether a connection can be made with the login in use.
func (a *adapter) serves() bool { return a.engine.View().Usable() }

// tell hands an event to whoever wants it.
func (a *adapter) tell(e rekey.Event) {
	announce.Announcer{OnEvent: a.config.OnEvent, Logger: a.config.Logger, Pool: a.config.Name, Source: a.config.SourceName}.Tell(e)
}

// warn tells of what the driver has to say of its configuration. No other event has been told yet.
func (a *adapter) warn() {
	for _, w := range a.config.Driver.Warnings {
		a.tell(w)
	}
}

// sessionEnded is called when a session is gone.
func (a *adapter) sessionEnded() {
	a.reports.Kick()
	a.handover.Kick()
	a.closing.look()
}

// failed looks at an error that the server sent on a session. What it sends while nobody has the session yet, at its login,
// is looked at elsewhere.
func (a *adapter) failed(s *Session, err error) {
	switch answer := a.config.Driver.classify(err); {
	case answer.Meaning == Killed:
		a.pings.Kick()
	case answer.suspects() && s.pooled.Load():
		a.sessions.suspected(s)
	}
}
