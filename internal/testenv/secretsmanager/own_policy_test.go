package secretsmanager_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rekeyhq/rekey/internal/testenv/secretsmanager"
)

func TestDeny(t *testing.T) {
	server, admin := newOwn(t)
	name, _ := admin.seed("one")
	other, _ := admin.seed("other")
	pending := admin.put(name, "two", "AWSPENDING")
	key := server.NewKey("reader")
	e := as(t, server, key)
	read := func(name, label, id string) error {
		in := &sdk.GetSecretValueInput{SecretId: &name}
		if label != "" {
			in.VersionStage = &label
		}
		if id != "" {
			in.VersionId = &id
		}
		_, err := e.GetSecretValue(t.Context(), in)
		return err
	}
	describe := func(name string) error {
		_, err := e.DescribeSecret(t.Context(), &sdk.DescribeSecretInput{SecretId: &name})
		return err
	}
	arn := aws.ToString(admin.describe(name).ARN)
	for _, c := range []struct {
		what  string
		rule  secretsmanager.Rule
		call  func() error
		deny  bool
		event string
	}{
		{"the action", secretsmanager.Rule{Action: "GetSecretValue"}, func() error { return read(name, "", "") }, true, "GetSecretValue"},
		{"another action", secretsmanager.Rule{Action: "GetSecretValue"}, func() error { return describe(name) }, false, ""},
		{"everything", secretsmanager.Rule{}, func() error { return describe(name) }, true, "DescribeSecret"},
		{"the secret", secretsmanager.Rule{Secret: name}, func() error { return read(arn, "", "") }, true, "GetSecretValue"},
		{"the secret's ARN", secretsmanager.Rule{Secret: arn}, func() error { return read(name, "", "") }, true, "GetSecretValue"},
		{"another secret", secretsmanager.Rule{Secret: name}, func() error { return read(other, "", "") }, false, ""},
		{"the stage", secretsmanager.Rule{VersionStage: "AWSPENDING"}, func() error { return read(name, "AWSPENDING", "") }, true, "GetSecretValue"},
		{"another stage", secretsmanager.Rule{VersionStage: "AWSPENDING"}, func() error { return read(name, "AWSCURRENT", "") }, false, ""},
		{"the stage's version by its ID", secretsmanager.Rule{VersionStage: "AWSPENDING"}, func() error { return read(name, "", pending) }, false, ""},
		{"the stage by default", secretsmanager.Rule{VersionStage: "AWSCURRENT"}, func() error { return read(name, "", "") }, false, ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			server.Allow(key)
			server.Deny(key, c.rule)
			err := c.call()
			if !c.deny {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantErr(t, err, "AccessDeniedException", "user/reader is not authorized to perform: secretsmanager:"+c.event+" on resource: "+arn)
		})
	}
	server.Deny(key, secretsmanager.Rule{})
	if err := admin.read(name); err != nil {
		t.Errorf("another key: %v", err)
	}
	server.Allow(key)
	if err := e.read(name); err != nil {
		t.Errorf("allowed again: %v", err)
	}
}

func TestKeyFaults(t *testing.T) {
	server, e := newOwn(t)
	name, v1 := e.seed("one")
	write := func() error {
		_, err := e.PutSecretValue(t.Context(), &sdk.PutSecretValueInput{SecretId: &name, SecretString: aws.String("two")})
		return err
	}
	for _, c := range []struct {
		what           string
		fault          secretsmanager.KeyFault
		reading, write string
		text           string
	}{
		{"forbidden", secretsmanager.KeyForbidden, "AccessDeniedException", "AccessDeniedException", "Access to KMS is not allowed"},
		{"disabled", secretsmanager.KeyDisabled, "DecryptionFailure", "EncryptionFailure", "using the provided KMS key"},
	} {
		t.Run(c.what, func(t *testing.T) {
			if err := server.SetKeyFault(name, c.fault); err != nil {
				t.Fatal(err)
			}
			wantErr(t, e.read(name), c.reading, c.text)
			wantErr(t, write(), c.write, c.text)
			e.wantLabels(name, map[string][]string{v1: {"AWSCURRENT"}})
		})
	}
	if err := server.SetKeyFault(name, secretsmanager.KeyFine); err != nil {
		t.Fatal(err)
	}
	if err := e.read(name); err != nil {
		t.Error(err)
	}
	if err := server.SetKeyFault("nobody", secretsmanager.KeyFine); err == nil {
		t.Error("broke the key of no secret")
	}
}
