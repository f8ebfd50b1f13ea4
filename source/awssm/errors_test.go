package awssm_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	fake "github.com/rekeyhq/rekey/internal/testenv/secretsmanager"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/awssm"
)

func rotationInput(id, lambda, expression, length string) *secretsmanager.RotateSecretInput {
	rules := &types.RotationRulesType{ScheduleExpression: &expression}
	if length != "" {
		rules.Duration = &length
	}
	return &secretsmanager.RotateSecretInput{SecretId: &id, RotationLambdaARN: &lambda, RotationRules: rules, RotateImmediately: aws.Bool(false)}
}

// TestErrors: each has its name, a hint, and its own answer to the question whether trying again may help; past the cache as
// through it.
func TestErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil     func(*testing.T, *store, fake.Key)
		permanent bool
		want      []string
	}{
		"unknown": {func(t *testing.T, s *store, _ fake.Key) {
			_, err := s.admin.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &s.id, ForceDeleteWithoutRecovery: aws.Bool(true)})
			must(t, err)
		}, true, []string{"ResourceNotFoundException", "right name and Region"}},
		"deleted": {func(t *testing.T, s *store, _ fake.Key) {
			_, err := s.admin.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &s.id})
			must(t, err)
		}, true, []string{"scheduled for deletion: restore"}},
		"denied": {func(_ *testing.T, s *store, key fake.Key) {
			s.server.Deny(key, fake.Rule{})
		}, true, []string{"AccessDeniedException", "IAM must allow secretsmanager:"}},
		"no access to the key": {func(t *testing.T, s *store, _ fake.Key) {
			must(t, s.server.SetKeyFault(s.id, fake.KeyForbidden))
		}, true, []string{"AccessDeniedException", "kms:Decrypt"}},
		"key disabled": {func(t *testing.T, s *store, _ fake.Key) {
			must(t, s.server.SetKeyFault(s.id, fake.KeyDisabled))
		}, true, []string{"kms:Decrypt"}},
		"throttled": {func(_ *testing.T, s *store, _ fake.Key) { s.server.FailAll(fake.Throttled) }, false, []string{"ThrottlingException", "asked too often"}},
		"failing":   {func(_ *testing.T, s *store, _ fake.Key) { s.server.FailAll(fake.InternalError) }, false, []string{"InternalServiceError"}},
		"away":      {func(_ *testing.T, s *store, _ fake.Key) { s.server.FailAll(fake.Unavailable) }, false, []string{"ServiceUnavailableException"}},
		"cut":       {func(_ *testing.T, s *store, _ fake.Key) { s.server.FailAll(fake.Cut) }, false, []string{"awssm: "}},
		"skewed": {func(_ *testing.T, s *store, _ fake.Key) { s.server.SetClockOffset(time.Hour) }, false,
			[]string{"InvalidSignatureException", "clock"}},
		"no such credentials": {func(_ *testing.T, s *store, key fake.Key) { s.server.RevokeKey(key) }, true,
			[]string{"AWS credentials of this process"}},
		"expired credentials": {func(_ *testing.T, s *store, key fake.Key) { s.server.ExpireKey(key) }, false,
			[]string{"ExpiredTokenException", "have expired"}},
		"no value": {func(t *testing.T, s *store, _ fake.Key) {
			s.id = "empty"
			_, err := s.admin.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &s.id})
			must(t, err)
		}, true, []string{"ResourceNotFoundException", "has the secret a value"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t, login("u", planted(1)))
			key := s.server.NewTemporaryKey("service")
			tt.spoil(t, s, key)
			for _, force := range []bool{false, true} {
				ctx := t.Context()
				if force {
					ctx = source.WithForce(ctx)
				}
				_, err := s.sourceAs(t, key, nil).Fetch(ctx)
				if err == nil || source.IsPermanent(err) != tt.permanent {
					t.Fatalf("forced %v: permanent is %v: %v", force, source.IsPermanent(err), err)
				}
				var known *awssm.Error
				if !errors.As(err, &known) || known.Secret != s.id || force && known.Op != "GetSecretValue" {
					t.Errorf("%#v", known)
				}
				for _, want := range append(tt.want, s.id, known.Op) {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%v\nlacks %q", err, want)
					}
				}
				if strings.ContainsAny(err.Error(), "\n\t") || strings.Contains(err.Error(), "planted") {
					t.Errorf("%q", err)
				}
			}
		})
	}
}

// TestDescribeDenied: the cache describes before it reads, and the error says so.
func TestDescribeDenied(t *testing.T) {
	s := newStore(t, login("u", planted(1)))
	key := s.server.NewKey("service")
	s.server.Deny(key, fake.Rule{Action: "DescribeSecret"})
	_, err := s.sourceAs(t, key, nil).Fetch(t.Context())
	if err == nil || !source.IsPermanent(err) || !strings.Contains(err.Error(), "IAM must allow secretsmanager:DescribeSecret") {
		t.Error(err)
	}
}

// TestNothingIsPrinted: whatever prints a source, or what it gives, shows no secret.
func TestNothingIsPrinted(t *testing.T) {
	s := newStore(t, login("u", planted(1)))
	src := s.source(t, nil)
	c := fetch(t, src)
	forced(t, src)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, value := range []any{src, c, awssm.Options{}} {
			text := fmt.Sprintf(format, value)
			if strings.Contains(text, c.Password.Reveal()) || strings.Contains(text, fmt.Sprintf("%x", c.Password.Reveal())) {
				t.Errorf("%s of %T shows the password", format, value)
			}
		}
	}
}

// TestCancelled: an answer that its caller did not wait for is no reason to fail the next.
func TestCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t, login("u", "p1"))
		src := s.source(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := src.Fetch(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		s.server.SetLatency(time.Second)
		ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		src.Fetch(ctx)
		s.server.SetLatency(0)
		fetch(t, src)
	})
}
