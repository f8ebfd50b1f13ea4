package managedpool_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/puddle/v2"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/managedpool"
)

var (
	_ pooler = (*pgxpool.Pool)(nil)
	_ pooler = (*managedpool.Pool)(nil)
)

// TestMethodSet: every method of *pgxpool.Pool is one of *managedpool.Pool, with the same signature; and the
// comparison knows them all, so that a method which a new pgx brings is not left out.
func TestMethodSet(t *testing.T) {
	t.Parallel()
	theirs := reflect.TypeFor[*pgxpool.Pool]()
	ours := reflect.TypeFor[*managedpool.Pool]()
	compared := reflect.TypeFor[pooler]()
	for i := range theirs.NumMethod() {
		m := theirs.Method(i)
		if _, ok := compared.MethodByName(m.Name); !ok {
			t.Errorf("%s is not compared: add it to pooler and to the cases", m.Name)
		}
		own, ok := ours.MethodByName(m.Name)
		if !ok {
			t.Errorf("there is no %s", m.Name)
			continue
		}
		if want, got := signature(m), signature(own); got != want {
			t.Errorf("%s is %s, want %s", m.Name, got, want)
		}
	}
}

// signature is a method's type without its receiver.
func signature(m reflect.Method) string {
	var in, out []reflect.Type
	for i := 1; i < m.Type.NumIn(); i++ {
		in = append(in, m.Type.In(i))
	}
	for i := range m.Type.NumOut() {
		out = append(out, m.Type.Out(i))
	}
	return reflect.FuncOf(in, out, m.Type.IsVariadic()).String()
}

// The names are the same types, not just alike: values pass between the packages.
var (
	_ *pgxpool.Config               = (*managedpool.Config)(nil)
	_ *pgxpool.Conn                 = (*managedpool.Conn)(nil)
	_ *pgxpool.Tx                   = (*managedpool.Tx)(nil)
	_ *pgxpool.Stat                 = (*managedpool.Stat)(nil)
	_ *pgxpool.ShouldPingParams     = (*managedpool.ShouldPingParams)(nil)
	_ *pgxpool.AcquireTracer        = (*managedpool.AcquireTracer)(nil)
	_ *pgxpool.ReleaseTracer        = (*managedpool.ReleaseTracer)(nil)
	_ pgxpool.TraceAcquireStartData = managedpool.TraceAcquireStartData{}
	_ pgxpool.TraceAcquireEndData   = managedpool.TraceAcquireEndData{}
	_ pgxpool.TraceReleaseData      = managedpool.TraceReleaseData{}
)

// TestNames: every name that pgxpool exports exists here.
func TestNames(t *testing.T) {
	t.Parallel()
	theirs, err := build.Import("github.com/jackc/pgx/v5/pgxpool", ".", build.FindOnly)
	if err != nil {
		t.Fatal(err)
	}
	want := exportedNames(t, theirs.Dir)
	if len(want) < 10 {
		t.Fatalf("found only %d names in pgxpool: %v", len(want), want)
	}
	have := exportedNames(t, ".")
	for name := range want {
		if !have[name] {
			t.Errorf("pgxpool.%s has no counterpart", name)
		}
	}
}

// exportedNames returns the types, functions, variables and constants that a package exports.
func exportedNames(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			for _, name := range declared(d) {
				if name.IsExported() {
					names[name.Name] = true
				}
			}
		}
	}
	return names
}

// declared returns the names of a declaration at package level, without methods.
func declared(d ast.Decl) (names []*ast.Ident) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			names = append(names, d.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				names = append(names, spec.Name)
			case *ast.ValueSpec:
				names = append(names, spec.Names...)
			}
		}
	}
	return names
}

// parityCase is one use of a pool, run on both, each with a table of its own.
type parityCase struct {
	name   string
	config func(*pgxpool.Config)
	run    func(context.Context, *side)
	want   []string // parts of what both say: the case shows what it is meant to show
}

// side is one pool of a comparison, and what came of using it.
type side struct {
	*testing.T
	*site
	pool  pooler
	login testenv.Login
	given *pgxpool.Config // what the pool was made with
	table string          // n int primary key, s text not null
	said  strings.Builder
}

// say notes a result. What differs from side to side for good reason must not be in it.
func (s *side) say(what string, values ...any) {
	fmt.Fprintf(&s.said, "%s:", what)
	for _, v := range values {
		if err, ok := v.(error); ok || v == nil {
			fmt.Fprintf(&s.said, " %s", describe(err))
			continue
		}
		fmt.Fprintf(&s.said, " %v", v)
	}
	s.said.WriteByte('\n')
}

// must ends the test on an error that the case is not about.
func (s *side) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// sql puts the name of the side's table into a statement.
func (s *side) sql(statement string) string { return strings.ReplaceAll(statement, "{t}", s.table) }

// atRest notes how many connections there are once nothing is under way.
func (s *side) atRest() {
	s.Helper()
	envtest.Eventually(s, patience, func() bool {
		stat := s.pool.Stat()
		return stat.AcquiredConns() == 0 && stat.ConstructingConns() == 0 && stat.IdleConns() == stat.TotalConns()
	}, "all connections came home")
	s.say("at rest", s.pool.Stat().TotalConns())
}

// describe is everything of an error that a caller can tell.
func describe(err error) string {
	if err == nil {
		return "no error"
	}
	text := fmt.Sprintf("%T %q", err, err)
	for _, known := range []error{
		context.Canceled, context.DeadlineExceeded, pgx.ErrNoRows, pgx.ErrTooManyRows, pgx.ErrTxClosed,
		pgx.ErrTxCommitRollback, puddle.ErrClosedPool, pgconn.ErrConnClosed,
	} {
		if errors.Is(err, known) {
			text += fmt.Sprintf(" is %q", known)
		}
	}
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		text += fmt.Sprintf(" %s %s %s %s", pgErr.Severity, pgErr.Code, pgErr.Message, pgErr.Detail)
	}
	return fmt.Sprintf("%s retry=%v timeout=%v", text, pgconn.SafeToRetry(err), pgconn.Timeout(err))
}

// TestParity runs every case on a *pgxpool.Pool and on a Pool, and compares what callers see.
func TestParity(t *testing.T) {
	t.Parallel()
	where := newSite(t, &testenv.IssuerOptions{Temp: true})
	login := where.issue(t)
	cases := parityCases()
	where.do(t, parityTables(cases, login))
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sideBySide(t, where, login, i, c)
		})
	}
}

// sideBySide runs case number i on both pools.
func sideBySide(t *testing.T, where *site, login testenv.Login, i int, c parityCase) {
	plain := &side{T: t, site: where, login: login, table: tableOf(i, "plain")}
	plain.given = where.config(t, login, c.config)
	plain.pool = plainPool(t, plain.given)
	c.run(timeLimit(t), plain)

	managed := &side{T: t, site: where, login: login, table: tableOf(i, "managed")}
	managed.given = where.config(t, testenv.Login{User: "nobody"}, c.config) // the source names the login
	managed.pool = managedPool(t, managed.given, login)
	c.run(timeLimit(t), managed)

	sameSaid(t, plain, managed, c.want)
}

// TestStatAfterNew: where the numbers of a new Pool begin. pgxpool's are all zero; here the connection on which the
// credential was verified is the pool's first.
func TestStatAfterNew(t *testing.T) {
	t.Parallel()
	where := newSite(t, nil)
	pool := where.managed(t, newFeed(where.issue(t)), nil, nil)
	settled(t, pool)
	s := pool.Stat()
	if s.TotalConns() != 1 || s.IdleConns() != 1 || s.NewConnsCount() != 1 || s.AcquireCount() != 1 || s.EmptyAcquireCount() != 1 {
		t.Errorf("total %d, idle %d, new %d, acquires %d, empty %d; want 1 of each",
			s.TotalConns(), s.IdleConns(), s.NewConnsCount(), s.AcquireCount(), s.EmptyAcquireCount())
	}
}

// TestFirstCaller: whoever uses a new Pool finds the connection on which the credential was verified, and makes none.
// A machine that has no time for 50 ms may be in the way once or twice.
func TestFirstCaller(t *testing.T) {
	t.Parallel()
	where := newSite(t, nil)
	feed := newFeed(where.issue(t))
	const rounds = 8
	second := 0
	for range rounds {
		counts := newTally()
		pool := where.managed(t, feed, nil, func(c *pgxpool.Config) { counts.installLow(&c.ConnConfig.Config) })
		if err := pool.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		if counts.counts()["DialFunc"] > 1 {
			second++
		}
	}
	if second > rounds/3 {
		t.Errorf("in %d of %d pools the first caller dialled", second, rounds)
	}
}

// TestCancelRequestGivenUp: a request to cancel may itself be given up at any moment, from another goroutine. What
// this looks for is found by the race detector.
func TestCancelRequestGivenUp(t *testing.T) {
	t.Parallel()
	where := newSite(t, nil)
	pool := where.managed(t, newFeed(where.issue(t)), nil, nil)
	err := pool.AcquireFunc(t.Context(), func(c *pgxpool.Conn) error {
		for after := time.Duration(0); after < 5*time.Millisecond; after += 100 * time.Microsecond {
			ctx, cancel := context.WithTimeout(t.Context(), after)
			c.Conn().PgConn().CancelRequest(ctx)
			cancel()
		}
		return c.Conn().PgConn().CancelRequest(t.Context())
	})
	if err != nil {
		t.Error(err)
	}
	if err := pool.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func timeLimit(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func sameSaid(t *testing.T, plain, managed *side, want []string) {
	t.Helper()
	theirs := strings.ReplaceAll(plain.said.String(), plain.identifier()[1], "TABLE")
	ours := strings.ReplaceAll(managed.said.String(), managed.identifier()[1], "TABLE")
	if ours != theirs {
		t.Errorf("pgxpool:\n%s\nmanagedpool:\n%s", theirs, ours)
	}
	if theirs == "" {
		t.Error("the case says nothing")
	}
	for _, w := range want {
		if !strings.Contains(theirs, w) {
			t.Errorf("pgxpool did not say %q:\n%s", w, theirs)
		}
	}
}

func tableOf(n int, side string) string { return fmt.Sprintf("app.t%d_%s", n, side) }

func parityTables(cases []parityCase, login testenv.Login) string {
	var sql strings.Builder
	sql.WriteString("create type app.mood as enum ('good', 'bad');\n")
	for i := range cases {
		for _, side := range []string{"plain", "managed"} {
			fmt.Fprintf(&sql, "create table %[1]s (n int primary key, s text not null);\n"+
				"grant all on %[1]s to %[2]s;\n", tableOf(i, side), login.User)
		}
	}
	return sql.String()
}

func plainPool(t *testing.T, config *pgxpool.Config) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func managedPool(t *testing.T, config *pgxpool.Config, login testenv.Login) *managedpool.Pool {
	t.Helper()
	pool, err := managedpool.NewWithConfig(context.Background(), config, newFeed(login), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shutdown(t, pool) })
	settled(t, pool)
	return pool
}
