package secretsmanager_test

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/internal/testenv/secretsmanager"
)

// newOwn returns our own server, and a client of it that does not retry.
func newOwn(t testing.TB) (*secretsmanager.Server, endpoint) {
	t.Helper()
	server := envtest.OwnSecretsManager(t)
	return server, endpointOf(t, server)
}

// newInMemory is newOwn without a socket, for tests in simulated time.
func newInMemory(t testing.TB) (*secretsmanager.Server, endpoint) {
	t.Helper()
	server := secretsmanager.New(nil)
	t.Cleanup(func() { server.Close() })
	return server, endpointOf(t, server)
}

func endpointOf(t testing.TB, server *secretsmanager.Server) endpoint {
	return endpoint{Client: server.Client(once), t: t}
}

// as is the client of another key.
func as(t testing.TB, server *secretsmanager.Server, key secretsmanager.Key) endpoint {
	return endpoint{Client: sdk.NewFromConfig(server.ConfigFor(key), once), t: t}
}

// read asks for the current value, and gives only the error.
func (e endpoint) read(name string) error {
	_, err := e.GetSecretValue(e.t.Context(), &sdk.GetSecretValueInput{SecretId: &name})
	return err
}

// seed makes a secret that the server's end deletes.
func (e endpoint) seed(text string) (name, version string) {
	e.t.Helper()
	name = newName()
	out, err := e.CreateSecret(e.t.Context(), &sdk.CreateSecretInput{Name: &name, SecretString: &text})
	if err != nil {
		e.t.Fatal(err)
	}
	return name, *out.VersionId
}
