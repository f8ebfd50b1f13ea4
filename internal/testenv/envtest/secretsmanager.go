package envtest

import (
	"cmp"
	"net/http"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rekeyhq/rekey/internal/testenv/secretsmanager"
)

// SecretsManagerEndpoint names another endpoint that speaks the API of AWS Secrets Manager, for the tests that take
// [SecretsManager]. Their secrets have random names, and are deleted. The credentials and the region are those of the
// AWS SDK's own variables, or test, test and us-east-1.
const SecretsManagerEndpoint = "REKEY_TEST_SECRETSMANAGER_ENDPOINT"

// SecretsManager returns a Secrets Manager for a test that needs nothing but the API: a server of the test's own, or
// the endpoint that [SecretsManagerEndpoint] names. Tests that break the server, rotate with a function or look at what
// was asked take [OwnSecretsManager].
func SecretsManager(t testing.TB) aws.Config {
	t.Helper()
	if url := os.Getenv(SecretsManagerEndpoint); url != "" {
		return otherSecretsManager(t, url)
	}
	return OwnSecretsManager(t).Config()
}

// SecretsManagerClient is SecretsManager as a client.
func SecretsManagerClient(t testing.TB) *sdk.Client {
	t.Helper()
	return sdk.NewFromConfig(SecretsManager(t))
}

// OwnSecretsManager returns a Secrets Manager for this test alone, whatever the environment says, with the controls
// that only our server has. It ends with the test. Tests in simulated time make theirs with [secretsmanager.New].
func OwnSecretsManager(t testing.TB) *secretsmanager.Server {
	t.Helper()
	server, err := secretsmanager.Start(nil)
	if err != nil {
		t.Fatalf("no Secrets Manager for this test: %v", err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("closing the Secrets Manager: %v", err)
		}
	})
	return server
}

func otherSecretsManager(t testing.TB, url string) aws.Config {
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	key := secretsmanager.Key{
		ID:     cmp.Or(os.Getenv("AWS_ACCESS_KEY_ID"), "test"),
		Secret: cmp.Or(os.Getenv("AWS_SECRET_ACCESS_KEY"), "test"),
		Token:  os.Getenv("AWS_SESSION_TOKEN"),
	}
	return aws.Config{
		Region:       cmp.Or(os.Getenv("AWS_REGION"), "us-east-1"),
		BaseEndpoint: aws.String(url),
		Credentials:  key,
		HTTPClient:   client,
	}
}
