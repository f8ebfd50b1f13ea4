package secretsmanager_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rekeyhq/rekey/internal/testenv/secretsmanager"
)

func TestFaults(t *testing.T) {
	server, e := newOwn(t)
	name, _ := e.seed("one")
	for _, c := range []struct {
		what  string
		fault secretsmanager.Fault
		err   string
	}{
		{"throttled", secretsmanager.Throttled, "ThrottlingException"},
		{"internal error", secretsmanager.InternalError, "InternalServiceError"},
		{"unavailable", secretsmanager.Unavailable, "ServiceUnavailableException"},
		{"cut", secretsmanager.Cut, ""},
		{"cut after", secretsmanager.CutAfter, ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			wantFault := func(err error) {
				t.Helper()
				if c.err != "" {
					wantErr(t, err, c.err, "")
				} else if !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("got %v", err)
				}
			}
			server.FailNext(2, c.fault, "GetSecretValue")
			e.describe(name)
			wantFault(e.read(name))
			wantFault(e.read(name))
			if err := e.read(name); err != nil {
				t.Errorf("after the last failure: %v", err)
			}
			server.FailAll(c.fault)
			for range 3 {
				wantFault(e.read(name))
			}
			server.Heal()
			if err := e.read(name); err != nil {
				t.Errorf("healed: %v", err)
			}
		})
	}
}

// The SDK's own retries get through, and a store that is repeated with its token is done once.
func TestLostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, e := newInMemory(t)
		name, v1 := e.seed("one")
		server.FailNext(1, secretsmanager.CutAfter, "PutSecretValue")
		server.FailNext(1, secretsmanager.Throttled, "PutSecretValue")
		out, err := server.Client().PutSecretValue(t.Context(), &sdk.PutSecretValueInput{
			SecretId: &name, SecretString: aws.String("two")})
		if err != nil {
			t.Fatal(err)
		}
		e.wantLabels(name, map[string][]string{*out.VersionId: {"AWSCURRENT"}, v1: {"AWSPREVIOUS"}})
		if calls := server.CallsFor("PutSecretValue", name); calls != 2 {
			t.Errorf("%d calls with the secret's name", calls)
		}
		if calls := server.Calls("PutSecretValue"); calls != 3 {
			t.Errorf("%d calls", calls)
		}
	})
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, e := newInMemory(t)
		name, _ := e.seed("one")
		server.SetLatency(time.Hour)
		server.SetLatency(3*time.Second, "GetSecretValue")
		began := time.Now()
		if err := e.read(name); err != nil || time.Since(began) != 3*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		_, err := e.GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: &name})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if log := server.Requests(); log[len(log)-1].Err != "canceled" {
			t.Errorf("logged %+v", log[len(log)-1])
		}
		server.SetLatency(0)
		began = time.Now()
		if err := e.read(name); err != nil || time.Since(began) != 0 {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// A client that goes away ends its request on a socket as well.
func TestLatencyOnSocket(t *testing.T) {
	server, e := newOwn(t)
	server.SetLatency(time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := e.GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: aws.String("x")}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestLimitRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, e := newInMemory(t)
		name, _ := e.seed("one")
		server.LimitRate(2, time.Second, "GetSecretValue")
		var got []string
		for range 8 {
			if err := e.read(name); err == nil {
				got = append(got, "ok")
			} else {
				wantErr(t, err, "ThrottlingException", "Rate exceeded")
				got = append(got, "no")
			}
			time.Sleep(250 * time.Millisecond)
		}
		if want := "ok ok no no ok ok no no"; strings.Join(got, " ") != want {
			t.Errorf("got %v", got)
		}
		e.describe(name)
	})
}

func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, e := newInMemory(t)
		name, v1 := e.seed("hush")
		arn := *e.describe(name).ARN
		server.ForgetRequests()
		e.read(arn)
		e.read("nobody")
		e.GetSecretValue(t.Context(), &sdk.GetSecretValueInput{SecretId: &name, VersionId: &v1, VersionStage: aws.String("AWSPENDING")})
		e.put(name, "hush, hush")
		server.FailNext(1, secretsmanager.Cut)
		e.read(name)
		key := server.Key().ID
		want := []secretsmanager.Request{
			{KeyID: key, Operation: "GetSecretValue", Secret: name},
			{KeyID: key, Operation: "GetSecretValue", Secret: "nobody", Err: "ResourceNotFoundException"},
			{KeyID: key, Operation: "GetSecretValue", Secret: name, VersionID: v1, VersionStage: "AWSPENDING", Err: "InvalidRequestException"},
			{KeyID: key, Operation: "PutSecretValue", Secret: name},
			{Operation: "GetSecretValue", Err: "cut"},
		}
		got := server.Requests()
		for i := range want {
			want[i].At = time.Now()
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got\n%v\nwant\n%v", got, want)
		}
		if strings.Contains(fmt.Sprintf("%#v", got), "hush") {
			t.Error("a value is in the log")
		}
		if server.Calls("") != 5 || server.Calls("GetSecretValue") != 4 || server.CallsFor("GetSecretValue", name) != 2 {
			t.Errorf("counted %d, %d, %d", server.Calls(""), server.Calls("GetSecretValue"), server.CallsFor("GetSecretValue", name))
		}
	})
}

func TestExpirePages(t *testing.T) {
	server, e := newOwn(t)
	for range 3 {
		e.seed("one")
	}
	first, err := e.ListSecrets(t.Context(), &sdk.ListSecretsInput{MaxResults: aws.Int32(1)})
	if err != nil {
		t.Fatal(err)
	}
	in := &sdk.ListSecretsInput{MaxResults: aws.Int32(1), NextToken: first.NextToken, SortOrder: "desc"}
	_, err = e.ListSecrets(t.Context(), in)
	wantErr(t, err, "InvalidNextTokenException", "") // the page of another list
	in.SortOrder = ""
	if _, err := e.ListSecrets(t.Context(), in); err != nil {
		t.Error(err)
	}
	server.ExpirePages()
	_, err = e.ListSecrets(t.Context(), in)
	wantErr(t, err, "InvalidNextTokenException", "")
}

func TestClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, e := newInMemory(t)
		server.SetLatency(time.Hour)
		done := make(chan error)
		go func() { done <- e.read("x") }()
		synctest.Wait()
		for range 2 {
			if err := server.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := <-done; err == nil {
			t.Error("answered")
		}
		if err := e.read("x"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// Everything at once, for the race detector.
func TestConcurrentUse(t *testing.T) {
	server, e := newOwn(t)
	name, _ := e.seed("one")
	done := make(chan error)
	const clients = 8
	for i := range clients {
		go func() {
			client := endpointOf(t, server)
			for n := range 10 {
				_, err := client.PutSecretValue(t.Context(), &sdk.PutSecretValueInput{
					SecretId: &name, SecretString: aws.String(fmt.Sprint(i, n))})
				if err == nil {
					err = client.read(name)
				}
				if err != nil {
					done <- err
					return
				}
				server.FailNext(0, secretsmanager.Throttled)
				server.Requests()
			}
			done <- nil
		}()
	}
	for range clients {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
