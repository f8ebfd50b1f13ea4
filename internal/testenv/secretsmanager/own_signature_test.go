package secretsmanager_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rekeyhq/rekey/internal/testenv/secretsmanager"
)

func TestKeys(t *testing.T) {
	server, e := newOwn(t)
	name, _ := e.seed("one")
	good, temporary := server.NewKey("good"), server.NewTemporaryKey("role")
	revoked, expired := server.NewKey("gone"), server.NewTemporaryKey("late")
	server.RevokeKey(revoked)
	server.ExpireKey(expired)
	wrong, noToken, otherToken := good, temporary, temporary
	wrong.Secret, noToken.Token, otherToken.Token = "wrong", "", "other"
	for _, c := range []struct {
		what string
		key  secretsmanager.Key
		err  string
	}{
		{"good", good, ""},
		{"temporary", temporary, ""},
		{"wrong secret", wrong, "InvalidSignatureException"},
		{"unknown", secretsmanager.Key{ID: "AKIANOBODY", Secret: "x"}, "UnrecognizedClientException"},
		{"revoked", revoked, "UnrecognizedClientException"},
		{"without its token", noToken, "UnrecognizedClientException"},
		{"with another token", otherToken, "UnrecognizedClientException"},
		{"expired", expired, "ExpiredTokenException"},
	} {
		t.Run(c.what, func(t *testing.T) {
			err := as(t, server, c.key).read(name)
			if c.err != "" {
				wantErr(t, err, c.err, "")
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// tamper changes requests on their way, after they were signed.
type tamper struct {
	next   http.RoundTripper
	change func(*http.Request)
}

func (f tamper) RoundTrip(r *http.Request) (*http.Response, error) {
	changed := r.Clone(r.Context())
	f.change(changed)
	return f.next.RoundTrip(changed)
}

func TestTamperedRequests(t *testing.T) {
	server := secretsmanager.New(nil)
	defer server.Close()
	name, _ := endpointOf(t, server).seed("one")
	for _, c := range []struct {
		what, err string
		change    func(*http.Request)
	}{
		{"nothing", "", func(*http.Request) {}},
		{"the body", "InvalidSignatureException", func(r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			body = bytes.Replace(body, []byte("rekey-test"), []byte("rekey-tset"), 1)
			r.Body = io.NopCloser(bytes.NewReader(body))
		}},
		{"the operation", "InvalidSignatureException", func(r *http.Request) {
			r.Header.Set("X-Amz-Target", "secretsmanager.DeleteSecret")
		}},
		{"the date", "InvalidSignatureException", func(r *http.Request) {
			r.Header.Set("X-Amz-Date", time.Now().Add(time.Minute).UTC().Format("20060102T150405Z"))
		}},
		{"an additional header", "InvalidSignatureException", func(r *http.Request) {
			r.Header.Set("X-Amz-Meta", "x")
		}},
		{"the query", "InvalidSignatureException", func(r *http.Request) { r.URL.RawQuery = "a=b" }},
		{"the host", "InvalidSignatureException", func(r *http.Request) { r.Host = "elsewhere.test" }},
		{"the user agent, which is not signed", "", func(r *http.Request) { r.Header.Set("User-Agent", "x") }},
		{"no signature", "MissingAuthenticationTokenException", func(r *http.Request) { r.Header.Del("Authorization") }},
		{"another algorithm", "IncompleteSignatureException", func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer x")
		}},
		{"half a signature", "IncompleteSignatureException", func(r *http.Request) {
			whole := r.Header.Get("Authorization")
			r.Header.Set("Authorization", whole[:strings.Index(whole, ", Signature=")])
		}},
		{"no host among the signed", "InvalidSignatureException", func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), ";host;", ";", 1))
		}},
	} {
		t.Run(c.what, func(t *testing.T) {
			config := server.Config()
			config.HTTPClient = &http.Client{Transport: tamper{next: server, change: c.change}}
			err := endpoint{Client: sdk.NewFromConfig(config, once), t: t}.read(name)
			if c.err != "" {
				wantErr(t, err, c.err, "")
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWrongRegion(t *testing.T) {
	server, _ := newOwn(t)
	client := server.Client(once, func(o *sdk.Options) { o.Region = "us-west-2" })
	err := endpoint{Client: client, t: t}.read("x")
	wantErr(t, err, "InvalidSignatureException", "Credential should be scoped to")
}

func TestUnsigned(t *testing.T) {
	server, _ := newOwn(t)
	config := server.Config()
	config.Credentials = aws.AnonymousCredentials{}
	err := endpoint{Client: sdk.NewFromConfig(config, once), t: t}.read("x")
	wantErr(t, err, "MissingAuthenticationTokenException", "")
}

func TestClockSkew(t *testing.T) {
	server, e := newOwn(t)
	name, _ := e.seed("one")
	for _, c := range []struct {
		offset time.Duration
		text   string
	}{
		{6 * time.Minute, "Signature expired"},
		{-time.Hour, "Signature not yet current"},
		{4 * time.Minute, ""},
		{-4 * time.Minute, ""},
	} {
		t.Run(c.offset.String(), func(t *testing.T) {
			server.SetClockOffset(c.offset)
			err := endpointOf(t, server).read(name)
			if c.text != "" {
				wantErr(t, err, "InvalidSignatureException", c.text)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// The SDK takes the difference of the clocks from the Date of the refusals, and keeps it.
func TestClockSkewCorrected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := secretsmanager.New(&secretsmanager.Options{SkewError: "RequestTimeTooSkewed"})
		defer server.Close()
		name, _ := endpointOf(t, server).seed("one")
		server.SetClockOffset(time.Hour)
		e := endpoint{Client: server.Client(), t: t}
		if err := e.read(name); err != nil {
			t.Fatal(err)
		}
		server.ForgetRequests()
		if err := e.read(name); err != nil || server.Calls("") != 1 {
			t.Errorf("%d calls: %v", server.Calls(""), err)
		}
		wantErr(t, endpointOf(t, server).read(name), "RequestTimeTooSkewed", "Signature expired")
	})
}
