package secretsmanager_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

func TestDeleteAndRestore(t *testing.T) {
	e := newEndpoint(t)
	name, v1 := e.create("one")
	out, err := e.DeleteSecret(t.Context(), &sdk.DeleteSecretInput{SecretId: &name, RecoveryWindowInDays: aws.Int64(7)})
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(*out.DeletionDate); left < 6*24*time.Hour || left > 8*24*time.Hour {
		t.Errorf("it is deleted in %v", left)
	}
	if e.describe(name).DeletedDate == nil {
		t.Error("no DeletedDate")
	}
	e.wantLabels(name, map[string][]string{v1: {"AWSCURRENT"}})
	for operation, err := range e.deletedRefuses(name, v1) {
		t.Run(operation, func(t *testing.T) { wantErr(t, err, "InvalidRequestException", "because it was marked for deletion") })
	}
	_, err = e.CreateSecret(t.Context(), &sdk.CreateSecretInput{Name: &name, SecretString: aws.String("two")})
	wantErr(t, err, "InvalidRequestException", "already scheduled for deletion")
	_, err = e.DeleteSecret(t.Context(), &sdk.DeleteSecretInput{SecretId: &name})
	wantErr(t, err, "InvalidRequestException", "")
	if _, err := e.RestoreSecret(t.Context(), &sdk.RestoreSecretInput{SecretId: &name}); err != nil {
		t.Fatal(err)
	}
	if got := e.get(name); got != "one" || e.describe(name).DeletedDate != nil {
		t.Errorf("restored %d bytes", len(got))
	}
}

// deletedRefuses calls everything that a deleted secret refuses.
func (e endpoint) deletedRefuses(name, version string) map[string]error {
	ctx, errs := e.t.Context(), map[string]error{}
	_, errs["GetSecretValue"] = e.GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: &name})
	_, errs["PutSecretValue"] = e.PutSecretValue(ctx, &sdk.PutSecretValueInput{SecretId: &name, SecretString: aws.String("x")})
	_, errs["UpdateSecret"] = e.UpdateSecret(ctx, &sdk.UpdateSecretInput{SecretId: &name, SecretString: aws.String("x")})
	_, errs["RotateSecret"] = e.RotateSecret(ctx, &sdk.RotateSecretInput{SecretId: &name})
	_, errs["TagResource"] = e.TagResource(ctx, &sdk.TagResourceInput{
		SecretId: &name, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
	_, errs["UntagResource"] = e.UntagResource(ctx, &sdk.UntagResourceInput{SecretId: &name, TagKeys: []string{"a"}})
	_, errs["CancelRotateSecret"] = e.CancelRotateSecret(ctx, &sdk.CancelRotateSecretInput{SecretId: &name})
	errs["UpdateSecretVersionStage"] = e.move(name, "mine", version, "")
	return errs
}

func TestDeleteAtOnce(t *testing.T) {
	e := newEndpoint(t)
	name, _ := e.create("one")
	for range 2 { // the second time there is nothing, which is no error
		_, err := e.DeleteSecret(t.Context(), &sdk.DeleteSecretInput{SecretId: &name, ForceDeleteWithoutRecovery: aws.Bool(true)})
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := e.DescribeSecret(t.Context(), &sdk.DescribeSecretInput{SecretId: &name})
	wantErr(t, err, "ResourceNotFoundException", "can't find the specified secret")
	_, err = e.RestoreSecret(t.Context(), &sdk.RestoreSecretInput{SecretId: &name})
	wantErr(t, err, "ResourceNotFoundException", "")
	e.createWith(&sdk.CreateSecretInput{Name: &name, SecretString: aws.String("two")})
}

func TestDeleteRefused(t *testing.T) {
	e := newEndpoint(t)
	name, _ := e.create("one")
	for _, c := range []struct {
		what, err string
		in        sdk.DeleteSecretInput
	}{
		{"6 days", "InvalidParameterException", sdk.DeleteSecretInput{RecoveryWindowInDays: aws.Int64(6)}},
		{"31 days", "InvalidParameterException", sdk.DeleteSecretInput{RecoveryWindowInDays: aws.Int64(31)}},
		{"window and force", "InvalidParameterException", sdk.DeleteSecretInput{
			RecoveryWindowInDays: aws.Int64(7), ForceDeleteWithoutRecovery: aws.Bool(true)}},
		{"no such secret", "ResourceNotFoundException", sdk.DeleteSecretInput{SecretId: aws.String(newName())}},
	} {
		t.Run(c.what, func(t *testing.T) {
			if c.in.SecretId == nil {
				c.in.SecretId = &name
			}
			_, err := e.DeleteSecret(t.Context(), &c.in)
			wantErr(t, err, c.err, "")
		})
	}
	if got := e.get(name); got != "one" {
		t.Errorf("%d bytes are left", len(got))
	}
}
