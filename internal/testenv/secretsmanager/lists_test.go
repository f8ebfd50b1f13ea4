package secretsmanager_test

import (
	"crypto/rand"
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// list returns the names of the secrets that filters leave, page by page.
func (e endpoint) list(in *sdk.ListSecretsInput) (names []string, pages int) {
	e.t.Helper()
	for p := sdk.NewListSecretsPaginator(e.Client, in); p.HasMorePages(); pages++ {
		out, err := p.NextPage(e.t.Context())
		if err != nil {
			e.t.Fatal(err)
		}
		for _, entry := range out.SecretList {
			names = append(names, *entry.Name)
		}
	}
	return names, pages
}

func filterBy(key types.FilterNameStringType, values ...string) types.Filter {
	return types.Filter{Key: key, Values: values}
}

func TestListSecrets(t *testing.T) {
	e := newEndpoint(t)
	mark := rand.Text()
	var names []string
	for i := range 5 {
		names = append(names, fmt.Sprintf("rekey-test/%s/%d", mark, i))
		e.createWith(&sdk.CreateSecretInput{
			Name: &names[i], SecretString: aws.String("x"), Description: aws.String(fmt.Sprintf("Number %d %s", i, mark)),
			Tags: []types.Tag{{Key: aws.String("key" + mark), Value: aws.String(fmt.Sprint("value", i, mark))}},
		})
	}
	_, err := e.DeleteSecret(t.Context(), &sdk.DeleteSecretInput{SecretId: &names[4]})
	if err != nil {
		t.Fatal(err)
	}
	ours := filterBy(types.FilterNameStringTypeName, "rekey-test/"+mark)
	for _, c := range []struct {
		what    string
		planned bool
		filters []types.Filter
		want    []string
	}{
		{"name", false, []types.Filter{ours}, names[:4]},
		{"name, deleted ones too", true, []types.Filter{ours}, names},
		{"several names", false, []types.Filter{filterBy("name", names[1], names[3])}, []string{names[1], names[3]}},
		{"not a name", false, []types.Filter{ours, filterBy("name", "!"+names[0])}, names[1:4]},
		{"description, either case", false, []types.Filter{filterBy("description", "number 2 "+mark)}, names[2:3]},
		{"tag-key", false, []types.Filter{filterBy("tag-key", "key"+mark)}, names[:4]},
		{"tag-value", false, []types.Filter{filterBy("tag-value", "value1"+mark)}, names[1:2]},
		{"two filters", false, []types.Filter{ours, filterBy("tag-value", "value3")}, names[3:4]},
		{"all", false, []types.Filter{filterBy("all", "number "+mark)}, names[:4]},
		{"none", false, []types.Filter{ours, filterBy("owning-service", "rds")}, nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			got, _ := e.list(&sdk.ListSecretsInput{Filters: c.filters, IncludePlannedDeletion: &c.planned, SortOrder: "asc"})
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	t.Run("pages, latest first", func(t *testing.T) {
		got, pages := e.list(&sdk.ListSecretsInput{Filters: []types.Filter{ours}, MaxResults: aws.Int32(3), SortOrder: "desc"})
		slices.Reverse(got)
		if !slices.Equal(got, names[:4]) || pages != 2 {
			t.Errorf("got %v on %d pages", got, pages)
		}
	})
}

func TestListRefused(t *testing.T) {
	e := newEndpoint(t)
	name, _ := e.create("one")
	_, err := e.ListSecrets(t.Context(), &sdk.ListSecretsInput{NextToken: aws.String("nonsense")})
	wantErr(t, err, "InvalidNextTokenException", "")
	_, err = e.ListSecretVersionIds(t.Context(), &sdk.ListSecretVersionIdsInput{SecretId: &name, NextToken: aws.String("nonsense")})
	wantErr(t, err, "InvalidNextTokenException", "")
	_, err = e.ListSecrets(t.Context(), &sdk.ListSecretsInput{MaxResults: aws.Int32(101)})
	wantErr(t, err, "ValidationException", "")
	_, err = e.ListSecrets(t.Context(), &sdk.ListSecretsInput{Filters: []types.Filter{filterBy("color", "red")}})
	wantErr(t, err, "ValidationException", "")
	_, err = e.ListSecretVersionIds(t.Context(), &sdk.ListSecretVersionIdsInput{SecretId: aws.String(newName())})
	wantErr(t, err, "ResourceNotFoundException", "")
}

func TestListVersions(t *testing.T) {
	e := newEndpoint(t)
	name, v1 := e.create("one")
	ids := []string{v1}
	for i := range 4 {
		ids = append(ids, e.put(name, fmt.Sprint("value", i)))
	}
	e.get(name)
	for _, c := range []struct {
		deprecated bool
		want       []string
	}{{false, ids[3:]}, {true, ids}} {
		var got []string
		p := sdk.NewListSecretVersionIdsPaginator(e.Client, &sdk.ListSecretVersionIdsInput{
			SecretId: &name, IncludeDeprecated: &c.deprecated, MaxResults: aws.Int32(2)})
		for p.HasMorePages() {
			out, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range out.Versions {
				got = append(got, *v.VersionId)
				wantRecent(t, "CreatedDate", v.CreatedDate)
				if deprecated := !slices.Contains(ids[3:], *v.VersionId); deprecated != (len(v.VersionStages) == 0) {
					t.Errorf("%s has %v", *v.VersionId, v.VersionStages)
				}
			}
		}
		slices.Sort(got)
		if want := slices.Sorted(slices.Values(c.want)); !slices.Equal(got, want) {
			t.Errorf("deprecated %v: got %v, want %v", c.deprecated, got, want)
		}
	}
	out, err := e.GetSecretValue(t.Context(), &sdk.GetSecretValueInput{SecretId: &name, VersionId: &v1})
	if err != nil || *out.SecretString != "one" {
		t.Errorf("a deprecated version by its ID: %v", err)
	}
}
