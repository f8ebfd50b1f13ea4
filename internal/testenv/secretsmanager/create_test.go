package secretsmanager_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

func TestCreate(t *testing.T) {
	e := newEndpoint(t)
	name := newName()
	out := e.createWith(&sdk.CreateSecretInput{
		Name: &name, SecretString: aws.String("one"), Description: aws.String("for a test"),
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("db")}},
	})
	arn := regexp.MustCompile(`^arn:aws:secretsmanager:[a-z0-9-]+:\d{12}:secret:` + regexp.QuoteMeta(name) + `-[A-Za-z0-9]{6}$`)
	if *out.Name != name || !arn.MatchString(*out.ARN) {
		t.Fatalf("created %s, %s", *out.Name, *out.ARN)
	}
	d := e.describe(name)
	if *d.ARN != *out.ARN || *d.Name != name || *d.Description != "for a test" || len(d.Tags) != 1 ||
		*d.Tags[0].Key != "team" || *d.Tags[0].Value != "db" {
		t.Fatalf("described as %+v", d)
	}
	if d.DeletedDate != nil || d.LastRotatedDate != nil || d.NextRotationDate != nil || aws.ToBool(d.RotationEnabled) {
		t.Fatalf("described as %+v", d)
	}
	wantRecent(t, "CreatedDate", d.CreatedDate)
	wantRecent(t, "LastChangedDate", d.LastChangedDate)
	e.wantLabels(name, map[string][]string{*out.VersionId: {"AWSCURRENT"}})
}

func TestAddresses(t *testing.T) {
	e := newEndpoint(t)
	name, _ := e.create("one")
	arn := *e.describe(name).ARN
	for _, id := range []string{name, arn, arn[:len(arn)-len("-abcdef")]} {
		if got := e.get(id); got != "one" {
			t.Errorf("got %d bytes by %s", len(got), id)
		}
	}
	for _, id := range []string{name + "x", arn[:len(arn)-1] + "_", arn[:len(arn)-len("abcdef")] + "??????"} {
		_, err := e.GetSecretValue(t.Context(), &sdk.GetSecretValueInput{SecretId: &id})
		if err == nil {
			t.Errorf("found by %s", id)
		}
	}
	// A partial ARN that ends like a complete one is taken for one.
	odd := name + "-abcdef"
	oddARN := *e.createWith(&sdk.CreateSecretInput{Name: &odd, SecretString: aws.String("odd")}).ARN
	if got := e.get(odd); got != "odd" {
		t.Errorf("got %d bytes by name", len(got))
	}
	partial := oddARN[:len(oddARN)-len("-abcdef")]
	_, err := e.GetSecretValue(t.Context(), &sdk.GetSecretValueInput{SecretId: &partial})
	wantErr(t, err, "ResourceNotFoundException", "can't find the specified secret")
}

func TestCreateAgain(t *testing.T) {
	e := newEndpoint(t)
	name, token := newName(), newToken()
	in := &sdk.CreateSecretInput{Name: &name, ClientRequestToken: &token, SecretString: aws.String("one")}
	first := e.createWith(in)
	again, err := e.CreateSecret(t.Context(), in)
	if err != nil || *again.VersionId != *first.VersionId || *again.ARN != *first.ARN {
		t.Fatalf("the same request: %v, %v", again, err)
	}
	in.SecretString = aws.String("two")
	_, err = e.CreateSecret(t.Context(), in)
	wantErr(t, err, "ResourceExistsException", name)
	in.ClientRequestToken, in.SecretString = nil, aws.String("one")
	_, err = e.CreateSecret(t.Context(), in)
	wantErr(t, err, "ResourceExistsException", "already exists")
}

func TestCreateWithoutValue(t *testing.T) {
	e := newEndpoint(t)
	name := newName()
	if out := e.createWith(&sdk.CreateSecretInput{Name: &name}); out.VersionId != nil {
		t.Fatalf("made version %s", *out.VersionId)
	}
	_, err := e.GetSecretValue(t.Context(), &sdk.GetSecretValueInput{SecretId: &name})
	wantErr(t, err, "ResourceNotFoundException", "staging label: AWSCURRENT")
	e.wantLabels(name, nil)
	id := e.put(name, "one", "AWSPENDING")
	e.wantLabels(name, map[string][]string{id: {"AWSCURRENT", "AWSPENDING"}})
}

func TestCreateRefused(t *testing.T) {
	e := newEndpoint(t)
	var tooMany []types.Tag
	for range 51 {
		tooMany = append(tooMany, types.Tag{Key: aws.String(newToken()), Value: aws.String("")})
	}
	for _, c := range []struct {
		what, err string
		in        sdk.CreateSecretInput
	}{
		{"a space in the name", "ValidationException", sdk.CreateSecretInput{Name: aws.String("in valid")}},
		{"a long name", "ValidationException", sdk.CreateSecretInput{Name: aws.String(strings.Repeat("n", 513))}},
		{"a short token", "ValidationException", sdk.CreateSecretInput{ClientRequestToken: aws.String("short")}},
		{"a long text", "ValidationException", sdk.CreateSecretInput{SecretString: aws.String(strings.Repeat("x", 65537))}},
		{"many bytes", "ValidationException", sdk.CreateSecretInput{SecretBinary: make([]byte, 65537)}},
		{"text and bytes", "InvalidParameterException", sdk.CreateSecretInput{
			SecretString: aws.String("x"), SecretBinary: []byte("x")}},
		{"a reserved tag", "InvalidParameterException", sdk.CreateSecretInput{
			Tags: []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("x")}}}},
		{"51 tags", "LimitExceededException", sdk.CreateSecretInput{Tags: tooMany}},
	} {
		t.Run(c.what, func(t *testing.T) {
			if c.in.Name == nil {
				c.in.Name = aws.String(newName())
			}
			_, err := e.CreateSecret(t.Context(), &c.in, once)
			wantErr(t, err, c.err, "")
		})
	}
}

func TestLargestValues(t *testing.T) {
	e := newEndpoint(t)
	text := strings.Repeat("x", 65536)
	if name, _ := e.create(text); e.get(name) != text {
		t.Error("the largest text came back otherwise")
	}
	name, bin := newName(), bytes.Repeat([]byte{0, 255}, 32768)
	e.createWith(&sdk.CreateSecretInput{Name: &name, SecretBinary: bin})
	out, err := e.GetSecretValue(t.Context(), &sdk.GetSecretValueInput{SecretId: &name})
	if err != nil || !bytes.Equal(out.SecretBinary, bin) || out.SecretString != nil {
		t.Errorf("the largest bytes came back otherwise: %v", err)
	}
}
