package secretsmanager_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

func TestGetRandomPassword(t *testing.T) {
	e := newEndpoint(t)
	for _, c := range []struct {
		what   string
		in     sdk.GetRandomPasswordInput
		length int
		holds  func(string) bool
	}{
		{"default", sdk.GetRandomPasswordInput{}, 32, func(p string) bool {
			return strings.ContainsFunc(p, unicode.IsLower) && strings.ContainsFunc(p, unicode.IsUpper) &&
				strings.ContainsFunc(p, unicode.IsDigit) && strings.ContainsFunc(p, notLetter) && !strings.Contains(p, " ")
		}},
		{"as for databases", sdk.GetRandomPasswordInput{ExcludeCharacters: aws.String("/@\"'\\`")}, 32, func(p string) bool {
			return !strings.ContainsAny(p, "/@\"'\\`")
		}},
		{"digits", sdk.GetRandomPasswordInput{
			ExcludeLowercase: aws.Bool(true), ExcludeUppercase: aws.Bool(true), ExcludePunctuation: aws.Bool(true),
			PasswordLength: aws.Int64(100)}, 100, func(p string) bool { return strings.Trim(p, "0123456789") == "" }},
		{"with a space", sdk.GetRandomPasswordInput{IncludeSpace: aws.Bool(true)}, 32, func(p string) bool {
			return strings.Contains(p, " ")
		}},
		{"short, not all types", sdk.GetRandomPasswordInput{
			PasswordLength: aws.Int64(1), RequireEachIncludedType: aws.Bool(false)}, 1, func(string) bool { return true }},
	} {
		t.Run(c.what, func(t *testing.T) {
			out, err := e.GetRandomPassword(t.Context(), &c.in)
			if err != nil {
				t.Fatal(err)
			}
			if p := *out.RandomPassword; len(p) != c.length || !c.holds(p) {
				t.Errorf("got %d characters, or not those that were asked for", len(p))
			}
		})
	}
}

func notLetter(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

func TestGetRandomPasswordRefused(t *testing.T) {
	e := newEndpoint(t)
	for what, in := range map[string]sdk.GetRandomPasswordInput{
		"long":  {PasswordLength: aws.Int64(4097)},
		"short": {PasswordLength: aws.Int64(3)},
		"empty": {ExcludeLowercase: aws.Bool(true), ExcludeUppercase: aws.Bool(true), ExcludePunctuation: aws.Bool(true),
			ExcludeNumbers: aws.Bool(true)},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := e.GetRandomPassword(t.Context(), &in)
			wantErr(t, err, "InvalidParameterException", "")
		})
	}
}
