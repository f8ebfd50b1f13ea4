package secretsmanager_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

func (e endpoint) tag(name string, pairs ...string) error {
	in := &sdk.TagResourceInput{SecretId: &name}
	for i := 0; i < len(pairs); i += 2 {
		in.Tags = append(in.Tags, types.Tag{Key: &pairs[i], Value: &pairs[i+1]})
	}
	_, err := e.TagResource(e.t.Context(), in)
	return err
}

func (e endpoint) wantTags(name string, want map[string]string) {
	e.t.Helper()
	got := map[string]string{}
	for _, t := range e.describe(name).Tags {
		got[*t.Key] = *t.Value
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		e.t.Fatalf("tags %v, want %v", got, want)
	}
}

func TestTags(t *testing.T) {
	e := newEndpoint(t)
	name, _ := e.create("one")
	if err := e.tag(name, "a", "1", "b", "2"); err != nil {
		t.Fatal(err)
	}
	if err := e.tag(name, "b", "3", "c", ""); err != nil {
		t.Fatal(err)
	}
	e.wantTags(name, map[string]string{"a": "1", "b": "3", "c": ""})
	_, err := e.UntagResource(t.Context(), &sdk.UntagResourceInput{SecretId: &name, TagKeys: []string{"a", "none"}})
	if err != nil {
		t.Fatal(err)
	}
	e.wantTags(name, map[string]string{"b": "3", "c": ""})
	wantErr(t, e.tag(name, "aws:x", "1"), "InvalidParameterException", "")
	wantErr(t, e.tag(newName(), "a", "1"), "ResourceNotFoundException", "")
	_, err = e.UntagResource(t.Context(), &sdk.UntagResourceInput{SecretId: aws.String(newName()), TagKeys: []string{"a"}})
	wantErr(t, err, "ResourceNotFoundException", "")
}
