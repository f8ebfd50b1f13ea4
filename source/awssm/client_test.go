package awssm_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	fake "github.com/rekeyhq/rekey/internal/testenv/secretsmanager"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/awssm"
)

// scripted is a client whose answers are made up: what no server can be brought to say.
type scripted struct {
	describe func() (*secretsmanager.DescribeSecretOutput, error)
	get      func(stage string) (*secretsmanager.GetSecretValueOutput, error)
}

func (s scripted) DescribeSecret(context.Context, *secretsmanager.DescribeSecretInput, ...func(*secretsmanager.Options)) (*secretsmanager.DescribeSecretOutput, error) {
	return s.describe()
}

func (s scripted) GetSecretValue(_ context.Context, in *secretsmanager.GetSecretValueInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	return s.get(aws.ToString(in.VersionStage))
}

// failing makes a source whose every call fails with err.
func failing(t *testing.T, err error) *awssm.Source {
	t.Helper()
	src, newErr := awssm.New(scripted{
		describe: func() (*secretsmanager.DescribeSecretOutput, error) { return nil, err },
		get:      func(string) (*secretsmanager.GetSecretValueOutput, error) { return nil, err },
	}, secretID, nil)
	must(t, newErr)
	return src
}

// operation frames an error as the AWS client does.
func operation(service, name string, err error) error {
	return &smithy.OperationError{ServiceID: service, OperationName: name, Err: err}
}

func answered(status int, err error) error {
	return &awshttp.ResponseError{RequestID: "request-1", ResponseError: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: err,
	}}
}

// TestMadeUpErrors: what is another service's, and what only looks like the caller's fault.
func TestMadeUpErrors(t *testing.T) {
	refused := &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "no\nway"}
	for name, tt := range map[string]struct {
		err       error
		permanent bool
		want, not []string
	}{
		"the service's own": {operation(secretsmanager.ServiceID, "GetSecretValue", answered(400, refused)), true,
			[]string{"AccessDeniedException: no way", "IAM must allow"}, []string{"https response error"}},
		"the credentials'": {operation(secretsmanager.ServiceID, "GetSecretValue", fmt.Errorf("get identity: %w",
			operation("SSO OIDC", "CreateToken", answered(400, refused)))), false,
			[]string{"SSO OIDC", "AWS credentials of this process"}, []string{"IAM must allow"}},
		"the service's fault": {operation(secretsmanager.ServiceID, "GetSecretValue", answered(503, refused)), false,
			[]string{"AccessDeniedException"}, nil},
		"a name with kms": {operation(secretsmanager.ServiceID, "GetSecretValue", answered(400,
			&smithy.GenericAPIError{Code: "AccessDeniedException", Message: "User: role/kms-reader is not authorized"})), true,
			[]string{"IAM must allow"}, []string{"kms:Decrypt"}},
		"cancelled": {operation(secretsmanager.ServiceID, "GetSecretValue", &smithy.CanceledError{Err: context.Canceled}), false,
			[]string{"context canceled"}, []string{"operation error"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, ctx := range []context.Context{t.Context(), source.WithForce(t.Context())} {
				_, err := failing(t, tt.err).Fetch(ctx)
				if err == nil || source.IsPermanent(err) != tt.permanent || strings.Contains(err.Error(), "\n") {
					t.Fatalf("permanent is %v: %v", source.IsPermanent(err), err)
				}
				for _, want := range tt.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%v\nlacks %q", err, want)
					}
				}
				for _, not := range tt.not {
					if strings.Contains(err.Error(), not) {
						t.Errorf("%v\nhas %q", err, not)
					}
				}
				var response *awshttp.ResponseError
				if strings.Contains(tt.err.Error(), "request-1") && (!errors.As(err, &response) || response.RequestID != "request-1") {
					t.Error("the request's id is lost")
				}
			}
			found, err := failing(t, tt.err).Alternates(t.Context(), source.Credential{})
			if silent := name == "the service's own" || name == "a name with kms" || name == "the service's fault"; silent != (err == nil) || found != nil {
				t.Errorf("alternates: %v, %v", found, err)
			}
		})
	}
}

// TestNoAnswer: a client that gives neither an answer nor an error is an error.
func TestNoAnswer(t *testing.T) {
	for _, ctx := range []context.Context{t.Context(), source.WithForce(t.Context())} {
		if _, err := failing(t, nil).Fetch(ctx); err == nil {
			t.Error("nothing is a credential")
		}
	}
}

// TestUserParse: what it says about times counts; what it says about the secret is taken out of its error.
func TestUserParse(t *testing.T) {
	text := "planted-text"
	soon := time.Now().Add(7 * time.Second).Round(0)
	var parseErr error
	describe := func() (*secretsmanager.DescribeSecretOutput, error) {
		return &secretsmanager.DescribeSecretOutput{VersionIdsToStages: map[string][]string{"v1": {"AWSCURRENT"}},
			RotationEnabled: aws.Bool(false), NextRotationDate: aws.Time(time.Now()), RotationRules: &types.RotationRulesType{}}, nil
	}
	get := func(string) (*secretsmanager.GetSecretValueOutput, error) {
		return &secretsmanager.GetSecretValueOutput{SecretString: &text, VersionId: aws.String("v1")}, nil
	}
	src, err := awssm.New(scripted{describe, get}, secretID, &awssm.Options{Parse: func(secret []byte) (source.Credential, error) {
		return source.Credential{Username: "u", Password: source.NewSecret(string(secret)), RefreshAfter: soon, ExpiresAt: soon.Add(time.Hour), Version: "mine"}, parseErr
	}})
	must(t, err)
	if c := fetch(t, src); !c.RefreshAfter.Equal(soon) || !c.ExpiresAt.Equal(soon.Add(time.Hour)) || c.Version != "v1" {
		t.Errorf("%+v", c)
	}
	parseErr = fmt.Errorf("cannot read %q", text)
	if _, err := src.Fetch(t.Context()); err == nil || strings.Contains(err.Error(), "planted") || !strings.Contains(err.Error(), "[redacted]") {
		t.Error(err)
	}
}

// TestRecoveryPastTheCache: what the cache remembers of an outage is forgotten when the service has answered past it.
func TestRecoveryPastTheCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t, login("u", "p1"))
		src := s.source(t, &awssm.Options{TTL: time.Second})
		fetch(t, src)
		s.server.FailAll(fake.Unavailable)
		for range 20 {
			time.Sleep(time.Second)
			src.Fetch(t.Context())
		}
		s.server.Heal()
		forced(t, src)
		fetch(t, src)
	})
}
