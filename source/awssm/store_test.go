package awssm_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	fake "github.com/rekeyhq/rekey/internal/testenv/secretsmanager"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/awssm"
)

// store is a secret at a Secrets Manager, and who keeps it.
type store struct {
	server *fake.Server // nil: another's endpoint
	config aws.Config
	admin  *secretsmanager.Client
	id     string
}

const secretID = "prod/app/db"

// once has the SDK try nothing again, so that a test can count.
func once(o *secretsmanager.Options) { o.Retryer = aws.NopRetryer{} }

// newStore makes a secret on a server without a socket, for simulated time.
func newStore(t testing.TB, text string) *store {
	t.Helper()
	server := fake.New(nil)
	t.Cleanup(func() { must(t, server.Close()) })
	return keep(t, server, text)
}

// keep makes a secret on a server of ours.
func keep(t testing.TB, server *fake.Server, text string) *store {
	t.Helper()
	s := &store{server: server, config: server.Config(), id: secretID}
	s.create(t, text)
	return s
}

// keepAnywhere makes a secret with a name of its own at whatever endpoint the tests are pointed at.
func keepAnywhere(t testing.TB, text string) *store {
	t.Helper()
	s := &store{config: envtest.SecretsManager(t), id: secretID + "-" + strings.ToLower(rand.Text()[:10])}
	s.create(t, text)
	t.Cleanup(func() {
		_, err := s.admin.DeleteSecret(context.Background(), &secretsmanager.DeleteSecretInput{SecretId: &s.id, ForceDeleteWithoutRecovery: aws.Bool(true)})
		if err != nil {
			t.Errorf("deleting the secret: %v", err)
		}
	})
	return s
}

func (s *store) create(t testing.TB, text string) {
	t.Helper()
	s.admin = secretsmanager.NewFromConfig(s.config)
	_, err := s.admin.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &s.id, SecretString: &text})
	must(t, err)
}

// put makes another version with the given stages; none means AWSCURRENT.
func (s *store) put(t testing.TB, text string, stages ...string) (version string) {
	t.Helper()
	out, err := s.admin.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &s.id, SecretString: &text, VersionStages: stages})
	must(t, err)
	return *out.VersionId
}

// promote moves AWSCURRENT to a version, as a rotation does at its end.
func (s *store) promote(t testing.TB, version string) {
	t.Helper()
	_, err := s.admin.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: &s.id, VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: &version, RemoveFromVersionId: aws.String(s.version(t, "AWSCURRENT")),
	})
	must(t, err)
}

// version returns the id of the version that has a stage.
func (s *store) version(t testing.TB, stage string) string {
	t.Helper()
	out, err := s.admin.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &s.id})
	must(t, err)
	for id, stages := range out.VersionIdsToStages {
		for _, has := range stages {
			if has == stage {
				return id
			}
		}
	}
	t.Fatalf("no version is %s", stage)
	return ""
}

// source makes a source that asks with the server's own key.
func (s *store) source(t testing.TB, opts *awssm.Options) *awssm.Source {
	t.Helper()
	return s.sourceOf(t, s.config, opts)
}

// sourceAs makes a source that asks with another key of our server's.
func (s *store) sourceAs(t testing.TB, key fake.Key, opts *awssm.Options) *awssm.Source {
	t.Helper()
	return s.sourceOf(t, s.server.ConfigFor(key), opts)
}

func (s *store) sourceOf(t testing.TB, config aws.Config, opts *awssm.Options) *awssm.Source {
	t.Helper()
	src, err := awssm.New(secretsmanager.NewFromConfig(config, once), s.id, opts)
	must(t, err)
	if s.server != nil {
		s.server.ForgetRequests()
	}
	return src
}

// login is a secret as RDS writes it.
func login(user, password string) string {
	text, _ := json.Marshal(map[string]any{"engine": "postgres", "username": user, "password": password})
	return string(text)
}

func loginOf(l testenv.Login) string { return login(l.User, l.Password) }

// planted numbers passwords that no text may show.
func planted(n int) string { return fmt.Sprintf("planted-%06d-of-the-secret-store", n) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func fetch(t testing.TB, src source.Source) source.Credential {
	t.Helper()
	c, err := src.Fetch(t.Context())
	must(t, err)
	return c
}

// forced asks as a pool does whose login was refused.
func forced(t testing.TB, src source.Source) source.Credential {
	t.Helper()
	c, err := src.Fetch(source.WithForce(t.Context()))
	must(t, err)
	return c
}
