package main

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rekeyhq/rekey/internal/testenv/secretsmanager"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/awssm"
)

// secretID names the secret.
var secretID = aws.String("prod/app/db")

// managedSecret is a secret in Secrets Manager: the real SDK, and a server of our own that speaks the service's protocol.
type managedSecret struct {
	*roles
	server *secretsmanager.Server
	client *sdk.Client
	opts   *awssm.Options
	change func(*managedSecret, context.Context) error
}

func openPolledSecret(ctx context.Context, s *servers) (subject, error) {
	return newManagedSecret(ctx, s, &awssm.Options{TTL: time.Second, RotationTTL: time.Second}, (*managedSecret).replace)
}

func openPromotedSecret(ctx context.Context, s *servers) (subject, error) {
	return newManagedSecret(ctx, s, nil, (*managedSecret).promote)
}

func openPendingSecret(ctx context.Context, s *servers) (subject, error) {
	return newManagedSecret(ctx, s, nil, (*managedSecret).leavePending)
}

func newManagedSecret(ctx context.Context, s *servers, opts *awssm.Options, change func(*managedSecret, context.Context) error) (*managedSecret, error) {
	r, err := newRoles(ctx, s)
	if err != nil {
		return nil, err
	}
	m := &managedSecret{roles: r, opts: opts, change: change}
	if m.server, err = secretsmanager.Start(nil); err != nil {
		return nil, err
	}
	m.client = m.server.Client()
	text, err := m.text()
	if err == nil {
		_, err = m.client.CreateSecret(ctx, &sdk.CreateSecretInput{Name: secretID, SecretString: text})
	}
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

func (m *managedSecret) text() (*string, error) {
	text, err := m.secret()
	return aws.String(string(text)), err
}

func (m *managedSecret) Open(context.Context) (source.Source, error) {
	return awssm.New(m.server.Client(), *secretID, m.opts)
}

func (m *managedSecret) Change(ctx context.Context, _ *followed) error { return m.change(m, ctx) }

// replace makes another login AWSCURRENT, at a moment that has nothing to do with the poll's.
func (m *managedSecret) replace(ctx context.Context) error {
	if err := m.another(ctx); err != nil {
		return err
	}
	if err := pauseUpTo(ctx, m.opts.TTL); err != nil {
		return err
	}
	_, err := m.put(ctx)
	m.changed = time.Now()
	return err
}

// promote is a rotation for a single user: pending, set in the database, promoted.
func (m *managedSecret) promote(ctx context.Context) error {
	before, err := m.client.DescribeSecret(ctx, &sdk.DescribeSecretInput{SecretId: secretID})
	if err != nil {
		return err
	}
	version, err := m.setPassword(ctx)
	if err != nil {
		return err
	}
	_, err = m.client.UpdateSecretVersionStage(ctx, &sdk.UpdateSecretVersionStageInput{
		SecretId: secretID, VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: version, RemoveFromVersionId: currentOf(before),
	})
	m.changed = time.Now()
	return err
}

// leavePending is a rotation that has not come to its last step.
func (m *managedSecret) leavePending(ctx context.Context) error {
	_, err := m.setPassword(ctx)
	m.changed = time.Now()
	return err
}

// setPassword changes the password in the database and keeps it as AWSPENDING.
func (m *managedSecret) setPassword(ctx context.Context) (version *string, err error) {
	if err := m.anotherPassword(ctx); err != nil {
		return nil, err
	}
	return m.put(ctx, "AWSPENDING")
}

// put makes a new version with the given stages; none means AWSCURRENT.
func (m *managedSecret) put(ctx context.Context, stages ...string) (version *string, err error) {
	text, err := m.text()
	if err != nil {
		return nil, err
	}
	out, err := m.client.PutSecretValue(ctx, &sdk.PutSecretValueInput{SecretId: secretID, SecretString: text, VersionStages: stages})
	if err != nil {
		return nil, err
	}
	return out.VersionId, nil
}

func currentOf(d *sdk.DescribeSecretOutput) *string {
	for version, stages := range d.VersionIdsToStages {
		for _, stage := range stages {
			if stage == "AWSCURRENT" {
				return &version
			}
		}
	}
	return nil
}

func (m *managedSecret) Close() error { return errors.Join(m.server.Close(), m.drop()) }
