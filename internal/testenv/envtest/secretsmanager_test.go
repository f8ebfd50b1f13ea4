package envtest_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

// The other endpoint is another server of ours: that is enough to see that the variables are followed.
func TestSecretsManagerElsewhere(t *testing.T) {
	other := envtest.OwnSecretsManager(t)
	_, err := other.Client().CreateSecret(t.Context(), &sdk.CreateSecretInput{Name: aws.String("there")})
	if err != nil {
		t.Fatal(err)
	}
	describe := func() error {
		_, err := envtest.SecretsManagerClient(t).DescribeSecret(t.Context(), &sdk.DescribeSecretInput{SecretId: aws.String("there")})
		return err
	}
	t.Setenv(envtest.SecretsManagerEndpoint, "")
	if describe() == nil {
		t.Error("found without the variable")
	}
	t.Setenv(envtest.SecretsManagerEndpoint, other.URL())
	t.Setenv("AWS_ACCESS_KEY_ID", other.Key().ID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", other.Key().Secret)
	t.Setenv("AWS_SESSION_TOKEN", "")
	t.Setenv("AWS_REGION", other.Config().Region)
	if err := describe(); err != nil {
		t.Error(err)
	}
}
