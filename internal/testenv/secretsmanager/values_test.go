package secretsmanager_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

func TestGet(t *testing.T) {
	e := newEndpoint(t)
	name, v1 := e.create("one")
	v2 := e.put(name, "two")
	v3 := e.put(name, "three", "AWSPENDING")
	none := newToken()
	for _, c := range []struct {
		what, id, label string
		want            string
		err, text       string
	}{
		{what: "nothing", want: "two"},
		{what: "AWSCURRENT", label: "AWSCURRENT", want: "two"},
		{what: "AWSPREVIOUS", label: "AWSPREVIOUS", want: "one"},
		{what: "AWSPENDING", label: "AWSPENDING", want: "three"},
		{what: "an ID", id: v1, want: "one"},
		{what: "both", id: v3, label: "AWSPENDING", want: "three"},
		{what: "both, which differ", id: v2, label: "AWSPENDING",
			err: "InvalidRequestException", text: "not associated to the provided VersionId"},
		{what: "no such label", label: "nobody", err: "ResourceNotFoundException", text: "staging label: nobody"},
		{what: "no such ID", id: none, err: "ResourceNotFoundException", text: "VersionId: " + none},
	} {
		t.Run(c.what, func(t *testing.T) {
			in := &sdk.GetSecretValueInput{SecretId: &name}
			if c.id != "" {
				in.VersionId = &c.id
			}
			if c.label != "" {
				in.VersionStage = &c.label
			}
			out, err := e.GetSecretValue(t.Context(), in)
			if c.err != "" {
				wantErr(t, err, c.err, c.text)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if *out.SecretString != c.want || *out.Name != name || *out.ARN == "" || len(out.VersionStages) != 1 {
				t.Errorf("got %d bytes of version %s with %v", len(*out.SecretString), *out.VersionId, out.VersionStages)
			}
			wantRecent(t, "CreatedDate", out.CreatedDate)
		})
	}
	wantRecent(t, "LastAccessedDate", e.describe(name).LastAccessedDate)
}

func TestPut(t *testing.T) {
	e := newEndpoint(t)
	name, v1 := e.create("one")
	v2 := e.put(name, "two")
	e.wantLabels(name, map[string][]string{v2: {"AWSCURRENT"}, v1: {"AWSPREVIOUS"}})
	v3 := e.put(name, "three", "AWSPENDING", "mine")
	e.wantLabels(name, map[string][]string{v3: {"AWSPENDING", "mine"}, v2: {"AWSCURRENT"}, v1: {"AWSPREVIOUS"}})
	v4 := e.put(name, "four", "mine")
	e.wantLabels(name, map[string][]string{
		v4: {"mine"}, v3: {"AWSPENDING"}, v2: {"AWSCURRENT"}, v1: {"AWSPREVIOUS"}})
	v5 := e.put(name, "five", "AWSCURRENT", "AWSPENDING")
	e.wantLabels(name, map[string][]string{
		v5: {"AWSCURRENT", "AWSPENDING"}, v4: {"mine"}, v2: {"AWSPREVIOUS"}})
}

// What a rotation leaves behind: its AWSPENDING does not stay on a version that is not current any more.
func TestPutOverAWSPENDING(t *testing.T) {
	e := newEndpoint(t)
	name, v1 := e.create("one")
	v2 := e.put(name, "two", "AWSPENDING")
	if err := e.move(name, "AWSCURRENT", v2, v1); err != nil {
		t.Fatal(err)
	}
	e.wantLabels(name, map[string][]string{v2: {"AWSCURRENT", "AWSPENDING"}, v1: {"AWSPREVIOUS"}})
	v3 := e.put(name, "three")
	e.wantLabels(name, map[string][]string{v3: {"AWSCURRENT"}, v2: {"AWSPREVIOUS"}})
}

func TestPutAgain(t *testing.T) {
	e := newEndpoint(t)
	name, v1 := e.create("one")
	token := newToken()
	in := &sdk.PutSecretValueInput{SecretId: &name, ClientRequestToken: &token, SecretString: aws.String("two")}
	for range 2 {
		out, err := e.PutSecretValue(t.Context(), in)
		if err != nil || *out.VersionId != token {
			t.Fatalf("stored %v, %v", out, err)
		}
		e.wantLabels(name, map[string][]string{token: {"AWSCURRENT"}, v1: {"AWSPREVIOUS"}})
	}
	for _, other := range []sdk.PutSecretValueInput{
		{SecretString: aws.String("three")}, {SecretBinary: []byte("two")},
	} {
		other.SecretId, other.ClientRequestToken = &name, &token
		_, err := e.PutSecretValue(t.Context(), &other)
		wantErr(t, err, "ResourceExistsException", token)
	}
	if got := e.get(name); got != "two" {
		t.Errorf("%d bytes are stored", len(got))
	}
}

func TestPutRefused(t *testing.T) {
	e := newEndpoint(t)
	name, _ := e.create("one")
	var tooMany []string
	for i := range 21 {
		tooMany = append(tooMany, fmt.Sprint("label", i))
	}
	for _, c := range []struct {
		what, err string
		in        sdk.PutSecretValueInput
	}{
		{"no value", "InvalidRequestException", sdk.PutSecretValueInput{}},
		{"text and bytes", "InvalidParameterException", sdk.PutSecretValueInput{
			SecretString: aws.String("x"), SecretBinary: []byte("x")}},
		{"21 labels", "ValidationException", sdk.PutSecretValueInput{
			SecretString: aws.String("x"), VersionStages: tooMany}},
		{"no such secret", "ResourceNotFoundException", sdk.PutSecretValueInput{
			SecretId: aws.String(newName()), SecretString: aws.String("x")}},
	} {
		t.Run(c.what, func(t *testing.T) {
			if c.in.SecretId == nil {
				c.in.SecretId = &name
			}
			_, err := e.PutSecretValue(t.Context(), &c.in)
			wantErr(t, err, c.err, "")
		})
	}
}

func TestUpdate(t *testing.T) {
	e := newEndpoint(t)
	name, v1 := e.create("one")
	out, err := e.UpdateSecret(t.Context(), &sdk.UpdateSecretInput{SecretId: &name, Description: aws.String("new")})
	if err != nil || out.VersionId != nil {
		t.Fatalf("updated the description: %v, %v", out, err)
	}
	e.wantLabels(name, map[string][]string{v1: {"AWSCURRENT"}})
	token := newToken()
	in := &sdk.UpdateSecretInput{SecretId: &name, ClientRequestToken: &token, SecretString: aws.String("two")}
	for range 2 {
		out, err = e.UpdateSecret(t.Context(), in)
		if err != nil || *out.VersionId != token {
			t.Fatalf("updated the value: %v, %v", out, err)
		}
	}
	e.wantLabels(name, map[string][]string{token: {"AWSCURRENT"}, v1: {"AWSPREVIOUS"}})
	if d := e.describe(name); *d.Description != "new" {
		t.Errorf("described as %s", *d.Description)
	}
	in.SecretString = aws.String("three")
	_, err = e.UpdateSecret(t.Context(), in)
	wantErr(t, err, "ResourceExistsException", token)
}
