package awssm_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	fake "github.com/rekeyhq/rekey/internal/testenv/secretsmanager"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/awssm"
)

// TestNewRefuses names what is wrong.
func TestNewRefuses(t *testing.T) {
	client := secretsmanager.New(secretsmanager.Options{})
	for want, make := range map[string]func() (*awssm.Source, error){
		"client":      func() (*awssm.Source, error) { return awssm.New(nil, "a", nil) },
		"id is empty": func() (*awssm.Source, error) { return awssm.New(client, "", nil) },
		"Options.TTL": func() (*awssm.Source, error) { return awssm.New(client, "a", &awssm.Options{TTL: time.Millisecond}) },
		"Options.RotationTTL": func() (*awssm.Source, error) {
			return awssm.New(client, "a", &awssm.Options{RotationTTL: -1})
		},
	} {
		if _, err := make(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestFormats: what RDS writes, other names, bytes, and whatever a function understands.
func TestFormats(t *testing.T) {
	for name, tt := range map[string]struct {
		text   string
		binary bool
		opts   *awssm.Options
		want   source.Credential
	}{
		"RDS": {
			text: `{"engine":"postgres","host":"db.internal","port":5433,"dbname":"app","username":"u","password":"p","dbInstanceIdentifier":"x"}`,
			want: source.Credential{Username: "u", Host: "db.internal", Port: 5433, Database: "app"},
		},
		"a port that is a string": {text: `{"port":"5433","username":"u","password":"p"}`, want: source.Credential{Username: "u", Port: 5433}},
		"binary":                  {text: `{"username":"u","password":"p"}`, binary: true, want: source.Credential{Username: "u"}},
		"names": {
			text: `{"user":"u","pass":"p"}`, opts: &awssm.Options{Names: awssm.Names{Username: "user", Password: "pass"}},
			want: source.Credential{Username: "u"},
		},
		"a function": {
			text: "u p", want: source.Credential{Username: "u"},
			opts: &awssm.Options{Parse: func(secret []byte) (source.Credential, error) {
				user, password, ok := strings.Cut(string(secret), " ")
				if !ok {
					return source.Credential{}, errors.New("no space")
				}
				return source.Credential{Username: user, Password: source.NewSecret(password)}, nil
			}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := keepAnywhere(t, "{}")
			in := &secretsmanager.PutSecretValueInput{SecretId: &s.id, SecretString: &tt.text}
			if tt.binary {
				in.SecretString, in.SecretBinary = nil, []byte(tt.text)
			}
			put, err := s.admin.PutSecretValue(t.Context(), in)
			must(t, err)
			src := s.source(t, tt.opts)
			for _, c := range []source.Credential{fetch(t, src), forced(t, src)} {
				if c.Username != tt.want.Username || c.Host != tt.want.Host || c.Port != tt.want.Port || c.Database != tt.want.Database {
					t.Errorf("%+v, want %+v", c, tt.want)
				}
				if c.Password.Reveal() != "p" || c.Version != *put.VersionId || !c.ExpiresAt.IsZero() {
					t.Errorf("%+v", c)
				}
			}
		})
	}
}

// TestRubbish: the error names the field, never the value.
func TestRubbish(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"not JSON":         {"planted-text", "not a JSON object"},
		"no password":      {`{"username":"planted"}`, "password is missing"},
		"a number":         {`{"username":"u","password":42}`, "password is not a string"},
		"a port":           {`{"username":"u","password":"planted","port":"planted"}`, "port is not a port number"},
		"cut":              {`{"username":"u","password":"plan`, "not a JSON object, or cut off"},
		"a NUL":            {`{"username":"u","password":"planted\u0000"}`, "NUL"},
		"an array":         {`["planted"]`, "not a JSON object"},
		"an empty object":  {`{}`, "username is missing"},
		"an empty members": {`{"username":"","password":""}`, "username is missing or empty"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t, tt.text)
			_, err := s.source(t, nil).Fetch(t.Context())
			if err == nil || !source.IsPermanent(err) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), secretID) {
				t.Fatalf("%v, want %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "plan") {
				t.Errorf("%v shows the value", err)
			}
		})
	}
}

// TestCache: while nothing changes a look costs one call in a TTL, however often it is asked; a new version one more.
func TestCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t, login("u", "p1"))
		src := s.source(t, &awssm.Options{TTL: time.Minute})
		first := fetch(t, src)
		for end := time.Now().Add(time.Hour); time.Now().Before(end); time.Sleep(10 * time.Second) {
			before := src.Calls()
			c := fetch(t, src)
			wait := time.Until(c.RefreshAfter)
			if wait <= 0 || wait > time.Minute {
				t.Fatalf("to be looked at in %v", wait)
			}
			if c.Version != first.Version || src.Calls().DescribeSecret-before.DescribeSecret > 1 {
				t.Fatalf("%+v, calls %+v after %+v", c, src.Calls(), before)
			}
		}
		if calls := src.Calls(); calls.GetSecretValue != 2 || calls.DescribeSecret > 160 || calls.DescribeSecret < 70 {
			t.Errorf("%+v in an hour, with a cache of 22.5 to 45 s", calls)
		}
		if calls := src.Calls(); int(calls.DescribeSecret) != s.server.Calls("DescribeSecret") {
			t.Errorf("%+v, the server has seen %d", calls, s.server.Calls("DescribeSecret"))
		}
		next := s.put(t, login("u", "p2"))
		noticed := time.Now()
		for fetch(t, src).Version != next {
			time.Sleep(time.Second)
		}
		if took := time.Since(noticed); took > 45*time.Second {
			t.Errorf("noticed after %v", took)
		}
	})
}

// TestPollSpacing: who asks when RefreshAfter says finds the cache expired each time.
func TestPollSpacing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t, login("u", "p1"))
		src := s.source(t, nil)
		began := time.Now()
		polls := 0
		for ; time.Since(began) < 100*time.Hour; polls++ {
			time.Sleep(time.Until(fetch(t, src).RefreshAfter))
		}
		calls := src.Calls()
		quiet, _ := src.CallsPerHour()
		if int(calls.DescribeSecret) != polls || calls.GetSecretValue != 2 {
			t.Errorf("%d polls, %+v", polls, calls)
		}
		if perHour := float64(calls.DescribeSecret) / 100; perHour < quiet*0.97 || perHour > quiet*1.03 {
			t.Errorf("%.1f calls an hour, said to be %.1f", perHour, quiet)
		}
	})
}

// TestForced: whoever says that he needs to know is told what the service knows, and the cache does not answer with the
// old version afterwards.
func TestForced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t, login("u", "p1"))
		src := s.source(t, nil)
		fetch(t, src)
		first := fetch(t, src)
		next := s.put(t, login("u", "p2"))
		if c := fetch(t, src); c.Version != first.Version {
			t.Error("the cache is of no use")
		}
		before := src.Calls()
		if c := forced(t, src); c.Version != next || c.Password.Reveal() != "p2" {
			t.Errorf("%+v", c)
		}
		if now := src.Calls(); now.GetSecretValue-before.GetSecretValue != 1 || now.DescribeSecret != before.DescribeSecret {
			t.Errorf("%+v after %+v", now, before)
		}
		if c := fetch(t, src); c.Version != next {
			t.Error("the cache has the old version still")
		}
		if n := src.Calls().GetSecretValue; n > 4 {
			t.Errorf("%d values were read", n)
		}
	})
}

// TestForcedTwice: an answer that a caller may have had already is never given to him again.
func TestForcedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t, login("u", "p1"))
		src := s.source(t, nil)
		for n := range 20 {
			version := s.put(t, login("u", planted(n)))
			if c := forced(t, src); c.Version != version {
				t.Fatal("an old answer")
			}
			time.Sleep(time.Duration(n) * 100 * time.Millisecond)
		}
	})
}

// TestStorm: however many ask past the cache, for whatever, well or ill answered, it is one call a second for each stage, and
// nobody waits for long.
func TestStorm(t *testing.T) {
	for name, spoil := range map[string]func(*fake.Server){
		"answered":  func(*fake.Server) {},
		"slowly":    func(s *fake.Server) { s.SetLatency(1100 * time.Millisecond) },
		"throttled": func(s *fake.Server) { s.FailAll(fake.Throttled) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStore(t, login("u", "p1"))
				s.put(t, login("u", "p2"), "AWSPENDING")
				src := s.source(t, nil)
				spoil(s.server)
				var slow atomic.Int32
				var callers sync.WaitGroup
				for n := range 200 {
					callers.Go(func() {
						time.Sleep(time.Duration(n) * 50 * time.Millisecond) // for ten seconds
						ctx, cancel := context.WithTimeout(source.WithForce(t.Context()), 5*time.Second)
						defer cancel()
						var err error
						if n%2 == 0 {
							_, err = src.Fetch(ctx)
						} else {
							_, err = src.Alternates(ctx, source.Credential{})
						}
						if errors.Is(err, context.DeadlineExceeded) {
							slow.Add(1)
						}
					})
				}
				callers.Wait()
				if n := src.Calls().GetSecretValue; n > 2*(3+12) || slow.Load() > 0 {
					t.Errorf("%d calls; %d callers got no answer within 5 s", n, slow.Load())
				}
			})
		})
	}
}

// TestLostAnswer: a call whose answer never comes is made again while its callers still have time, and nobody else waits for it.
func TestLostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t, login("u", "p1"))
		src := s.source(t, nil)
		fetch(t, src)
		fetch(t, src)
		s.server.SetLatency(time.Hour)
		began := time.Now()
		time.AfterFunc(time.Second, func() { s.server.SetLatency(0) })
		done := make(chan error, 1)
		go func() {
			_, err := src.Alternates(t.Context(), source.Credential{})
			done <- err
		}()
		synctest.Wait()
		fetch(t, src) // from the cache
		if time.Since(began) > 0 {
			t.Errorf("the cache answered after %v", time.Since(began))
		}
		forced(t, src)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("asked past the cache: %v", took)
		}
		must(t, <-done)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("alternates: %v", took)
		}
	})
}

// TestSharedTTL: a new version is found within the TTL, however many pools share the source and poll it as they are told.
func TestSharedTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ttl = 10 * time.Minute
		s := newStore(t, login("u", planted(0)))
		src := s.source(t, &awssm.Options{TTL: ttl})
		ctx, cancel := context.WithCancel(t.Context())
		var pools sync.WaitGroup
		var seen [8]atomic.Value
		for n := range seen {
			pools.Go(func() {
				time.Sleep(time.Duration(n) * time.Minute)
				for ctx.Err() == nil {
					c, err := src.Fetch(ctx)
					if err != nil {
						return
					}
					seen[n].Store(c.Version)
					select {
					case <-time.After(time.Until(c.RefreshAfter)):
					case <-ctx.Done():
					}
				}
			})
		}
		time.Sleep(time.Hour)
		for n := range 30 {
			version := s.put(t, login("u", planted(n+1)))
			time.Sleep(ttl + time.Second)
			for i := range seen {
				if seen[i].Load() != version {
					t.Errorf("pool %d has not noticed a new version within %v", i, ttl)
				}
			}
		}
		cancel()
		pools.Wait()
	})
}

// TestNearRotation: when the service is about to rotate the secret, it is looked at more often, and not much later than
// the window begins.
func TestNearRotation(t *testing.T) {
	for name, tt := range map[string]struct {
		rules  string // a schedule expression
		length string
		window time.Duration
	}{
		"a window of three hours": {"rate(10 days)", "3h", 3 * time.Hour},
		"by the day":              {"rate(10 days)", "", 24 * time.Hour},
		"by the hour":             {"rate(6 hours)", "", time.Hour},
		"by the hour, in cron":    {"cron(0 /8 * * ? *)", "", time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStore(t, login("u", "p1"))
				const lambda = "arn:aws:lambda:eu-central-1:123456789012:function:rotate"
				s.server.HandleRotation(lambda, func(context.Context, fake.RotationEvent) error { return nil })
				s.schedule(t, lambda, tt.rules, tt.length)
				next := time.Now().Add(48*time.Hour - time.Second)
				must(t, s.server.SetRotationDates(s.id, time.Now(), next))
				src := s.source(t, &awssm.Options{TTL: 10 * time.Minute})
				last := time.Now()
				for now := last; now.Before(next.Add(3 * time.Hour)); now = time.Now() {
					time.Sleep(time.Until(fetch(t, src).RefreshAfter))
					inside := last.After(next.Add(-tt.window)) && last.Before(next.Add(time.Hour-time.Minute))
					if gap := time.Since(last); inside && gap > time.Minute || !inside && gap > 10*time.Minute {
						t.Fatalf("%v from %v to the rotation", gap, next.Sub(last))
					}
					if last.Before(next.Add(-tt.window)) && time.Now().After(next.Add(-tt.window+time.Minute+time.Second)) {
						t.Fatalf("the window began %v ago", time.Since(next.Add(-tt.window)))
					}
					last = time.Now()
				}
			})
		})
	}
}

// schedule sets the rules of the rotation without rotating.
func (s *store) schedule(t testing.TB, lambda, expression, length string) {
	t.Helper()
	in := rotationInput(s.id, lambda, expression, length)
	_, err := s.admin.RotateSecret(t.Context(), in)
	must(t, err)
	must(t, s.server.AwaitRotation(t.Context(), s.id))
}

// TestAlternates: AWSPENDING where it is there and may be read; AWSPREVIOUS only where it is asked for.
func TestAlternates(t *testing.T) {
	s := newStore(t, login("u", "p0"))
	s.put(t, login("u", "p1"))
	alternates := func(src *awssm.Source) (passwords []string) {
		t.Helper()
		found, err := src.Alternates(t.Context(), fetch(t, src))
		must(t, err)
		for _, c := range found {
			if time.Until(c.RefreshAfter) > 30*time.Second {
				t.Errorf("to be looked at in %v", time.Until(c.RefreshAfter))
			}
			passwords = append(passwords, c.Password.Reveal())
		}
		return passwords
	}
	check := func(name string, opts *awssm.Options, want ...string) {
		t.Helper()
		if got := alternates(s.source(t, opts)); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	check("nothing pending", nil)
	check("the previous one", &awssm.Options{Previous: true}, "p0")
	pending := s.put(t, login("u", "p2"), "AWSPENDING")
	check("pending", nil, "p2")
	check("both", &awssm.Options{Previous: true}, "p2", "p0")
	check("switched off", &awssm.Options{NoPending: true})
	key := s.server.NewKey("service")
	s.server.Deny(key, fake.Rule{Action: "GetSecretValue", VersionStage: "AWSPENDING"})
	if got := alternates(s.sourceAs(t, key, nil)); got != nil {
		t.Errorf("denied: %q", got)
	}
	s.promote(t, pending)
	check("the same as the current one", nil)
	s.put(t, "{", "AWSPENDING")
	if _, err := s.source(t, nil).Alternates(t.Context(), source.Credential{}); err == nil || !source.IsPermanent(err) {
		t.Errorf("rubbish is pending: %v", err)
	}
}

// TestOutage: what the cache would serve without a word is an error, and what it has is served again afterwards.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t, login("u", "p1"))
		src := s.source(t, &awssm.Options{TTL: time.Minute})
		first := fetch(t, src)
		s.server.FailAll(fake.Unavailable)
		time.Sleep(time.Minute)
		for range 100 {
			if c, err := src.Fetch(t.Context()); err == nil || source.IsPermanent(err) || !strings.Contains(err.Error(), "ServiceUnavailableException") {
				t.Fatalf("%+v, %v", c, err)
			}
			time.Sleep(time.Second)
		}
		if n := src.Calls().DescribeSecret; n > 101 {
			t.Errorf("%d calls", n)
		}
		s.server.Heal()
		time.Sleep(5 * time.Second)
		if c := fetch(t, src); c.Version != first.Version {
			t.Errorf("%+v", c)
		}
	})
}

// TestContext: a call that hangs ends with its context, and so does the wait of others behind it.
func TestContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t, login("u", "p1"))
		src := s.source(t, nil)
		s.server.SetLatency(time.Hour)
		began := time.Now()
		var readers sync.WaitGroup
		for n := range 20 {
			readers.Go(func() {
				limit := time.Duration(n+1) * time.Second
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				var err error
				if n%2 == 0 {
					_, err = src.Fetch(ctx)
				} else {
					_, err = src.Alternates(source.WithForce(ctx), source.Credential{})
				}
				if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > limit || source.IsPermanent(err) {
					t.Errorf("after %v of %v: %v", time.Since(began), limit, err)
				}
			})
		}
		readers.Wait()
	})
}

// TestConcurrentReaders: any number may share a source, across rotations; the race detector looks on.
func TestConcurrentReaders(t *testing.T) {
	s := newStore(t, login("u", planted(0)))
	src := s.source(t, &awssm.Options{TTL: time.Second})
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for n := range 16 {
		readers.Go(func() {
			ctx := t.Context()
			if n%4 == 0 {
				ctx = source.WithForce(ctx)
			}
			for {
				select {
				case <-stop:
					return
				default:
				}
				c, err := src.Fetch(ctx)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := src.Alternates(ctx, c); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for n := range 50 {
		s.put(t, login("u", planted(n+1)))
	}
	close(stop)
	readers.Wait()
}
