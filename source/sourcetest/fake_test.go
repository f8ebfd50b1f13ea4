package sourcetest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/sourcetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func credential(n int) source.Credential {
	return source.Credential{
		Username: "app",
		Password: source.NewSecret(fmt.Sprintf("planted-password-%04d", n)),
		Version:  fmt.Sprint("v", n),
	}
}

func harness(abilities ...sourcetest.Ability) sourcetest.Harness {
	return sourcetest.Harness{Make: func(*testing.T) *sourcetest.Origin {
		n := 1
		fake := sourcetest.New(credential(n), abilities...)
		return &sourcetest.Origin{
			Source: fake.Source(),
			Rotate: func(*testing.T) { n++; fake.Rotate(credential(n)) },
			Break:  func(*testing.T) { fake.FailNext(-1, io.ErrUnexpectedEOF) },
			Repair: func(*testing.T) { fake.FailNext(0, nil) },
			Stall:  func(*testing.T) func() { return fake.Hang() },
		}
	}}
}

// everything is all abilities.
var everything = []sourcetest.Ability{
	sourcetest.Renews, sourcetest.Notifies, sourcetest.NamesAlternates, sourcetest.Retires, sourcetest.Closes,
}

func TestFakeConforms(t *testing.T) {
	t.Run("plain", func(t *testing.T) { sourcetest.Run(t, harness()) })
	t.Run("everything", func(t *testing.T) { sourcetest.Run(t, harness(everything...)) })
}

func TestSharedConforms(t *testing.T) {
	h := harness(everything...)
	plain := h.Make
	h.Make = func(t *testing.T) *sourcetest.Origin {
		o := plain(t)
		o.Source = source.Shared(o.Source)
		return o
	}
	sourcetest.Run(t, h)
}

func TestDynamicConforms(t *testing.T) {
	sourcetest.Run(t, sourcetest.Harness{
		Dynamic: true,
		Make: func(*testing.T) *sourcetest.Origin {
			fake := sourcetest.New(source.Credential{}, sourcetest.Retires)
			fake.Mint(credential)
			return &sourcetest.Origin{Source: fake.Source()}
		},
	})
}

func TestFakeScript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := sourcetest.New(credential(1), everything...)
		src := fake.Source()
		fetch := func(want string, wantErr error) source.Credential {
			t.Helper()
			c, err := src.Fetch(t.Context())
			if c.Version != want || !errors.Is(err, wantErr) {
				t.Fatalf("Fetch = %q, %v, want %q, %v", c.Version, err, want, wantErr)
			}
			return c
		}
		fetch("v1", nil)

		fake.FailNext(2, io.EOF)
		fetch("", io.EOF)
		fetch("", io.EOF)
		fetch("v1", nil)

		fake.Delay(time.Minute)
		start := time.Now()
		fetch("v1", nil)
		if took := time.Since(start); took != time.Minute {
			t.Errorf("Fetch took %v", took)
		}
		fake.Delay(0)

		release := fake.Hang()
		go func() { time.Sleep(time.Hour); release(); release() }()
		fetch("v1", nil)

		changed := src.(source.Notifier).Changed()
		fake.RotateSilently(credential(2))
		select {
		case <-changed:
			t.Error("RotateSilently told somebody")
		default:
		}
		fake.Rotate(credential(3))
		<-changed
		c := fetch("v3", nil)

		fake.RenewFor(time.Hour)
		renewed, err := src.(source.Renewer).Renew(t.Context(), c)
		if err != nil || !renewed.ExpiresAt.Equal(time.Now().Add(time.Hour)) {
			t.Errorf("Renew = %v, %v", renewed.ExpiresAt, err)
		}
		if err := fake.Login(t.Context(), renewed); err != nil {
			t.Error(err)
		}
		fake.Expire()
		if err := fake.Login(t.Context(), fetch("v3", nil)); !errors.Is(err, sourcetest.ErrRefused) {
			t.Errorf("login with an expired credential: %v", err)
		}

		fake.Refuse("v3")
		if err := fake.Login(t.Context(), c); !errors.Is(err, sourcetest.ErrRefused) {
			t.Errorf("login with a refused credential: %v", err)
		}
		fake.Accept("v3")
		if err := fake.Login(t.Context(), c); err != nil {
			t.Error(err)
		}

		fake.SetAlternates(credential(8), credential(9))
		found, err := src.(source.Alternates).Alternates(t.Context(), c)
		if err != nil || len(found) != 2 {
			t.Errorf("Alternates = %v, %v", found, err)
		}

		if err := src.(source.Retirer).Retire(t.Context(), c); err != nil {
			t.Error(err)
		}
		if retired := fake.Retired(); len(retired) != 1 || retired[0].Version != "v3" {
			t.Errorf("Retired = %v", retired)
		}
		if err := fake.Login(t.Context(), c); !errors.Is(err, sourcetest.ErrRefused) {
			t.Errorf("login with a retired credential: %v", err)
		}

		if err := src.(io.Closer).Close(); err != nil {
			t.Error(err)
		}
		fetch("", sourcetest.ErrClosed)
		want := sourcetest.Counts{Fetches: 9, Renewals: 1, Alternates: 1, Retires: 1, Closes: 1}
		if got := fake.Counts(); got != want {
			t.Errorf("Counts = %+v, want %+v", got, want)
		}
		if len(fake.Renewals()) != 1 || fake.MostRunning() != 1 || fake.Running() != 0 {
			t.Error("the books are wrong")
		}
	})
}

func TestFakeHonoursContextWhileHanging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := sourcetest.New(credential(1))
		defer fake.Hang()()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := fake.Source().Fetch(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
}
