package secretsmanager_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/rekeyhq/rekey/internal/testenv/secretsmanager"
)

const lambda = "arn:aws:lambda:eu-central-1:123456789012:function:rotate"

// rotator is what a rotation function does: it stores a value, and in the end makes it the current one.
type rotator struct {
	endpoint
	steps []string
	fail  string // this step
}

func (r *rotator) rotate(ctx context.Context, event secretsmanager.RotationEvent) error {
	r.steps = append(r.steps, event.Step)
	if event.Step == r.fail {
		return errors.New("no")
	}
	switch event.Step {
	case secretsmanager.CreateStep:
		_, err := r.PutSecretValue(ctx, &sdk.PutSecretValueInput{
			SecretId: &event.ARN, ClientRequestToken: &event.Token, SecretString: aws.String("rotated"),
			VersionStages: []string{"AWSPENDING"}})
		return err
	case secretsmanager.FinishStep:
		old, err := r.GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: &event.ARN})
		if err != nil {
			return err
		}
		_, err = r.UpdateSecretVersionStage(ctx, &sdk.UpdateSecretVersionStageInput{
			SecretId: &event.ARN, VersionStage: aws.String("AWSCURRENT"),
			MoveToVersionId: &event.Token, RemoveFromVersionId: old.VersionId})
		return err
	}
	return nil
}

func newRotator(server *secretsmanager.Server, e endpoint) *rotator {
	r := &rotator{endpoint: e}
	server.HandleRotation(lambda, r.rotate)
	return r
}

var fourSteps = []string{"createSecret", "setSecret", "testSecret", "finishSecret"}

func weekly(name string) *sdk.RotateSecretInput {
	return &sdk.RotateSecretInput{
		SecretId: &name, RotationLambdaARN: aws.String(lambda),
		RotationRules: &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(7)},
	}
}

func TestRotate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, e := newInMemory(t)
		r := newRotator(server, e)
		name, v1 := e.seed("one")
		out, err := e.RotateSecret(t.Context(), weekly(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := server.AwaitRotation(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(r.steps, fourSteps) || e.get(name) != "rotated" {
			t.Errorf("did %v", r.steps)
		}
		e.wantLabels(name, map[string][]string{*out.VersionId: {"AWSCURRENT", "AWSPENDING"}, v1: {"AWSPREVIOUS"}})
		d := e.describe(name)
		if !*d.RotationEnabled || *d.RotationLambdaARN != lambda || *d.RotationRules.AutomaticallyAfterDays != 7 ||
			!d.LastRotatedDate.Equal(time.Now()) {
			t.Errorf("described as %+v", d)
		}
		if next := time.Date(2000, 1, 8, 23, 59, 59, 0, time.UTC); !d.NextRotationDate.Equal(next) {
			t.Errorf("the next rotation is at %v", d.NextRotationDate)
		}
		// Once more: the rules and the function are known, and AWSPENDING does not stand in the way.
		again, err := e.RotateSecret(t.Context(), &sdk.RotateSecretInput{SecretId: &name})
		if err != nil {
			t.Fatal(err)
		}
		if err := server.AwaitRotation(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		e.wantLabels(name, map[string][]string{*again.VersionId: {"AWSCURRENT", "AWSPENDING"}, *out.VersionId: {"AWSPREVIOUS"}})
	})
}

func TestRotateFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, e := newInMemory(t)
		r := newRotator(server, e)
		r.fail = "createSecret"
		name, v1 := e.seed("one")
		out, err := e.RotateSecret(t.Context(), weekly(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := server.AwaitRotation(t.Context(), name); err == nil || err.Error() != "createSecret: no" {
			t.Errorf("ended with %v", err)
		}
		// The empty version stays, and blocks until somebody finishes or removes it.
		e.wantLabels(name, map[string][]string{*out.VersionId: {"AWSPENDING"}, v1: {"AWSCURRENT"}})
		_, err = e.GetSecretValue(t.Context(), &sdk.GetSecretValueInput{SecretId: &name, VersionStage: aws.String("AWSPENDING")})
		wantErr(t, err, "ResourceNotFoundException", "staging label: AWSPENDING")
		if e.describe(name).LastRotatedDate != nil {
			t.Error("LastRotatedDate is set")
		}
		r.fail, r.steps = "", nil
		_, err = e.RotateSecret(t.Context(), weekly(name))
		wantErr(t, err, "InvalidRequestException", "A previous rotation isn't complete")
		if err := server.AwaitRotation(t.Context(), name); err != nil || !slices.Equal(r.steps, fourSteps) {
			t.Errorf("the repetition did %v: %v", r.steps, err)
		}
		e.wantLabels(name, map[string][]string{*out.VersionId: {"AWSCURRENT", "AWSPENDING"}, v1: {"AWSPREVIOUS"}})
	})
}

func TestRotateAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, e := newInMemory(t)
		r := newRotator(server, e)
		name, _ := e.seed("one")
		in := weekly(name)
		in.ClientRequestToken = aws.String(newToken())
		for range 2 {
			out, err := e.RotateSecret(t.Context(), in)
			if err != nil || *out.VersionId != *in.ClientRequestToken {
				t.Fatalf("%v, %v", out, err)
			}
		}
		if err := server.AwaitRotation(t.Context(), name); err != nil || !slices.Equal(r.steps, fourSteps) {
			t.Errorf("did %v: %v", r.steps, err)
		}
	})
}

func TestConfigureRotation(t *testing.T) {
	days := func(n int64) types.RotationRulesType { return types.RotationRulesType{AutomaticallyAfterDays: &n} }
	schedule := func(s string) types.RotationRulesType { return types.RotationRulesType{ScheduleExpression: &s} }
	both := days(7)
	both.ScheduleExpression = aws.String("rate(7 days)")
	at := func(day, hour, minute, second int) time.Time {
		return time.Date(2000, 1, day, hour, minute, second, 0, time.UTC)
	}
	for _, c := range []struct {
		what  string
		rules types.RotationRulesType
		err   string
		days  int64
		next  time.Time
	}{
		{"days", days(10), "", 10, at(11, 23, 59, 59)},
		{"rate in days", schedule("rate(10 days)"), "", 10, at(11, 23, 59, 59)},
		{"rate in hours", schedule("rate(4 hours)"), "", 0, at(1, 5, 0, 0)},
		{"cron", schedule("cron(0 16 1 * ? *)"), "", 0, time.Time{}},
		{"both", both, "InvalidParameterException", 0, time.Time{}},
		{"no days", days(0), "InvalidParameterException", 0, time.Time{}},
		{"many days", days(1001), "InvalidParameterException", 0, time.Time{}},
		{"too often", schedule("rate(3 hours)"), "InvalidParameterException", 0, time.Time{}},
		{"no expression", schedule("daily"), "InvalidParameterException", 0, time.Time{}},
	} {
		t.Run(c.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, e := newInMemory(t)
				r := newRotator(server, e)
				name, v1 := e.seed("one")
				in := weekly(name)
				in.RotationRules, in.RotateImmediately = &c.rules, aws.Bool(false)
				out, err := e.RotateSecret(t.Context(), in)
				if c.err != "" {
					wantErr(t, err, c.err, "")
					return
				}
				if err != nil || out.VersionId != nil {
					t.Fatalf("%v, %v", out, err)
				}
				if err := server.AwaitRotation(t.Context(), name); err != nil || !slices.Equal(r.steps, []string{"testSecret"}) {
					t.Errorf("did %v: %v", r.steps, err)
				}
				e.wantLabels(name, map[string][]string{v1: {"AWSCURRENT"}})
				d := e.describe(name)
				if !*d.RotationEnabled || d.LastRotatedDate != nil || aws.ToInt64(d.RotationRules.AutomaticallyAfterDays) != c.days ||
					!aws.ToTime(d.NextRotationDate).Equal(c.next) {
					t.Errorf("days %v, next %v", d.RotationRules.AutomaticallyAfterDays, d.NextRotationDate)
				}
			})
		})
	}
}

func TestRotateRefused(t *testing.T) {
	_, e := newOwn(t)
	name, v1 := e.seed("one")
	_, err := e.RotateSecret(t.Context(), &sdk.RotateSecretInput{SecretId: &name})
	wantErr(t, err, "InvalidRequestException", "No Lambda rotation function ARN is associated")
	_, err = e.RotateSecret(t.Context(), weekly(name))
	wantErr(t, err, "AccessDeniedException", "cannot invoke the specified Lambda function")
	_, err = e.CancelRotateSecret(t.Context(), &sdk.CancelRotateSecretInput{SecretId: &name})
	wantErr(t, err, "InvalidRequestException", "")
	e.wantLabels(name, map[string][]string{v1: {"AWSCURRENT"}})
	if e.describe(name).RotationEnabled != nil {
		t.Error("rotation is configured")
	}
}

func TestCancelRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, e := newInMemory(t)
		server.HandleRotation(lambda, func(ctx context.Context, _ secretsmanager.RotationEvent) error {
			<-ctx.Done()
			return ctx.Err()
		})
		name, v1 := e.seed("one")
		begun, err := e.RotateSecret(t.Context(), weekly(name))
		if err != nil {
			t.Fatal(err)
		}
		out, err := e.CancelRotateSecret(t.Context(), &sdk.CancelRotateSecretInput{SecretId: &name})
		if err != nil || *out.VersionId != *begun.VersionId {
			t.Fatalf("%v, %v", out, err)
		}
		if err := server.AwaitRotation(t.Context(), name); !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
		d := e.describe(name)
		if *d.RotationEnabled || d.NextRotationDate != nil || *d.RotationLambdaARN != lambda {
			t.Errorf("described as %+v", d)
		}
		e.wantLabels(name, map[string][]string{*begun.VersionId: {"AWSPENDING"}, v1: {"AWSCURRENT"}})
	})
}

// A value that somebody stores counts as a rotation: the next one is due a period later.
func TestRotationByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, e := newInMemory(t)
		newRotator(server, e)
		name, _ := e.seed("one")
		if _, err := e.RotateSecret(t.Context(), weekly(name)); err != nil {
			t.Fatal(err)
		}
		if err := server.AwaitRotation(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * 24 * time.Hour)
		e.put(name, "by hand")
		if next := time.Date(2000, 1, 11, 23, 59, 59, 0, time.UTC); !e.describe(name).NextRotationDate.Equal(next) {
			t.Errorf("the next rotation is at %v", e.describe(name).NextRotationDate)
		}
	})
}

func TestSetRotationDates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, e := newInMemory(t)
		newRotator(server, e)
		name, _ := e.seed("one")
		in := weekly(name)
		in.RotateImmediately = aws.Bool(false)
		if _, err := e.RotateSecret(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		last, next := time.Now().Add(-9*24*time.Hour), time.Now().Add(-2*24*time.Hour)
		if err := server.SetRotationDates(name, last, next); err != nil {
			t.Fatal(err)
		}
		if d := e.describe(name); !d.LastRotatedDate.Equal(last) || !d.NextRotationDate.Equal(next) {
			t.Errorf("rotated at %v, next at %v", d.LastRotatedDate, d.NextRotationDate)
		}
	})
}

// The server's end ends a rotation, and waits for it.
func TestCloseWhileRotating(t *testing.T) {
	server, e := newOwn(t)
	begun, ended := make(chan struct{}), false
	server.HandleRotation(lambda, func(ctx context.Context, _ secretsmanager.RotationEvent) error {
		close(begun)
		<-ctx.Done()
		ended = true
		return ctx.Err()
	})
	name, _ := e.seed("one")
	if _, err := e.RotateSecret(t.Context(), weekly(name)); err != nil {
		t.Fatal(err)
	}
	<-begun
	if err := server.Close(); err != nil || !ended {
		t.Errorf("ended %v: %v", ended, err)
	}
}
