package secretsmanager_test

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

// The tests of the API's rules take an endpoint, which may be another one than ours; those in files that begin with
// own_ are about what only our server does.
type endpoint struct {
	*sdk.Client
	t testing.TB
}

func newEndpoint(t testing.TB) endpoint {
	t.Helper()
	return endpoint{Client: envtest.SecretsManagerClient(t), t: t}
}

func newName() string { return "rekey-test/" + rand.Text() }

// newToken is a ClientRequestToken, of the shortest length.
func newToken() string { return (rand.Text() + rand.Text())[:32] }

// create makes a secret with a text, which is deleted when the test ends. The version's ID is returned as well.
func (e endpoint) create(text string) (name, version string) {
	e.t.Helper()
	name = newName()
	out := e.createWith(&sdk.CreateSecretInput{Name: &name, SecretString: &text})
	return name, aws.ToString(out.VersionId)
}

func (e endpoint) createWith(in *sdk.CreateSecretInput) *sdk.CreateSecretOutput {
	e.t.Helper()
	out, err := e.CreateSecret(e.t.Context(), in)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() {
		_, err := e.DeleteSecret(context.WithoutCancel(e.t.Context()), &sdk.DeleteSecretInput{
			SecretId: out.ARN, ForceDeleteWithoutRecovery: aws.Bool(true),
		})
		if err != nil {
			e.t.Errorf("deleting %s: %v", aws.ToString(out.Name), err)
		}
	})
	return out
}

// put stores a text and returns the version's ID.
func (e endpoint) put(name, text string, labels ...string) string {
	e.t.Helper()
	out, err := e.PutSecretValue(e.t.Context(), &sdk.PutSecretValueInput{
		SecretId: &name, SecretString: &text, VersionStages: labels,
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return aws.ToString(out.VersionId)
}

// get reads the current text.
func (e endpoint) get(name string) string {
	e.t.Helper()
	out, err := e.GetSecretValue(e.t.Context(), &sdk.GetSecretValueInput{SecretId: &name})
	if err != nil {
		e.t.Fatal(err)
	}
	return aws.ToString(out.SecretString)
}

// move calls UpdateSecretVersionStage; empty IDs are not sent.
func (e endpoint) move(name, label, to, from string) error {
	in := &sdk.UpdateSecretVersionStageInput{SecretId: &name, VersionStage: &label}
	if to != "" {
		in.MoveToVersionId = &to
	}
	if from != "" {
		in.RemoveFromVersionId = &from
	}
	_, err := e.UpdateSecretVersionStage(e.t.Context(), in)
	return err
}

func (e endpoint) describe(name string) *sdk.DescribeSecretOutput {
	e.t.Helper()
	out, err := e.DescribeSecret(e.t.Context(), &sdk.DescribeSecretInput{SecretId: &name})
	if err != nil {
		e.t.Fatal(err)
	}
	return out
}

// wantLabels checks the labels of all versions that have any: version, label, label, version, label and so on would
// not be readable, hence a map.
func (e endpoint) wantLabels(name string, want map[string][]string) {
	e.t.Helper()
	got := e.describe(name).VersionIdsToStages
	if len(got) != len(want) {
		e.t.Fatalf("labels %v, want %v", got, want)
	}
	for id, labels := range want {
		slices.Sort(got[id])
		if !slices.Equal(got[id], labels) {
			e.t.Fatalf("labels %v, want %v", got, want)
		}
	}
}

// apiError is what all errors of the service are.
type apiError interface {
	error
	ErrorCode() string
	ErrorMessage() string
}

// wantErr checks the name of the service's error and a part of its text.
func wantErr(t testing.TB, err error, name, text string) {
	t.Helper()
	answered, ok := errors.AsType[apiError](err)
	if !ok {
		t.Fatalf("got %v, want %s", err, name)
	}
	if answered.ErrorCode() != name || !strings.Contains(answered.ErrorMessage(), text) {
		t.Fatalf("got %s: %s, want %s with %q", answered.ErrorCode(), answered.ErrorMessage(), name, text)
	}
}

// wantRecent checks a time to the day, as endpoints elsewhere have clocks of their own.
func wantRecent(t testing.TB, what string, at *time.Time) {
	t.Helper()
	if at == nil || time.Since(*at).Abs() > 25*time.Hour {
		t.Fatalf("%s is %v", what, at)
	}
}

// once makes a client that does not retry.
func once(o *sdk.Options) { o.Retryer = aws.NopRetryer{} }
