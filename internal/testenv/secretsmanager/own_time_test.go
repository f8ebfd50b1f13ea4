package secretsmanager_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

func TestRecoveryWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, e := newInMemory(t)
		name, _ := e.seed("one")
		_, err := e.DeleteSecret(t.Context(), &sdk.DeleteSecretInput{SecretId: &name, RecoveryWindowInDays: aws.Int64(7)})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(7*24*time.Hour - time.Second)
		wantErr(t, e.read(name), "InvalidRequestException", "marked for deletion")
		time.Sleep(time.Second)
		wantErr(t, e.read(name), "ResourceNotFoundException", "")
		e.seed("two")
	})
}

func TestDates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, e := newInMemory(t)
		name, v1 := e.seed("one")
		created := time.Now()
		if d := e.describe(name); !d.CreatedDate.Equal(created) || !d.LastChangedDate.Equal(created) || d.LastAccessedDate != nil {
			t.Errorf("created at %v, changed at %v, accessed at %v", d.CreatedDate, d.LastChangedDate, d.LastAccessedDate)
		}
		time.Sleep(30 * time.Hour)
		e.get(name)
		d := e.describe(name)
		if !d.LastAccessedDate.Equal(time.Now().Truncate(24*time.Hour)) || !d.LastChangedDate.Equal(created) {
			t.Errorf("changed at %v, accessed at %v", d.LastChangedDate, d.LastAccessedDate)
		}
		if err := e.move(name, "mine", v1, ""); err != nil {
			t.Fatal(err)
		}
		if d := e.describe(name); !d.CreatedDate.Equal(created) || !d.LastChangedDate.Equal(time.Now()) {
			t.Errorf("created at %v, changed at %v", d.CreatedDate, d.LastChangedDate)
		}
	})
}

func TestOldVersions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, e := newInMemory(t)
		name, v1 := e.seed("one")
		if err := e.move(name, "kept", v1, ""); err != nil {
			t.Fatal(err)
		}
		var last string
		for i := range 150 {
			last = e.put(name, fmt.Sprint(i))
		}
		out, err := e.ListSecretVersionIds(t.Context(), &sdk.ListSecretVersionIdsInput{
			SecretId: &name, IncludeDeprecated: aws.Bool(true)})
		if err != nil || len(out.Versions) != 100 || out.NextToken != nil {
			t.Fatalf("%d versions, %v", len(out.Versions), err)
		}
		if *out.Versions[0].VersionId != v1 || *out.Versions[99].VersionId != last {
			t.Error("a version with a label is gone")
		}
	})
}
