package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

func TestMain(m *testing.M) { envtest.Main(m) }

// output is written to and read at once.
type output struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// TestRun: the program takes its login from the secret, and follows it.
func TestRun(t *testing.T) {
	server := envtest.OwnSecretsManager(t)
	issuer := envtest.Issuer(t)
	key := server.Key()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_SECRETS_MANAGER": server.URL(), "AWS_REGION": server.Config().Region,
		"AWS_ACCESS_KEY_ID": key.ID, "AWS_SECRET_ACCESS_KEY": key.Secret, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
	login := func() (user, text string) {
		l, err := issuer.Issue(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return l.User, fmt.Sprintf(`{"username":%q,"password":%q}`, l.User, l.Password)
	}
	first, text := login()
	name := "prod/app/db"
	admin := server.Client()
	if _, err := admin.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: &text}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var out output
	ended := make(chan error)
	go func() {
		ended <- run(ctx, options{secret: name, database: issuer.Database().DSN("nobody", ""), ttl: time.Second, every: 20 * time.Millisecond}, &out)
	}()
	says := func(what string) {
		t.Helper()
		envtest.Eventually(t, 20*time.Second, func() bool { return strings.Contains(out.String(), what) }, what)
	}
	says("user=" + first)
	second, text := login()
	if _, err := admin.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &name, SecretString: &text}); err != nil {
		t.Fatal(err)
	}
	says("user=" + second)
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("%v\n%s", err, &out)
	}
	says("DescribeSecret=")
}

// TestPolicy: it is JSON, and allows what the source asks for and nothing else.
func TestPolicy(t *testing.T) {
	text, err := os.ReadFile("policy.json")
	if err != nil {
		t.Fatal(err)
	}
	var policy struct {
		Version   string
		Statement []struct {
			Effect   string
			Action   any
			Resource string
		}
	}
	if err := json.Unmarshal(text, &policy); err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, s := range policy.Statement {
		if s.Effect != "Allow" || strings.HasPrefix(s.Resource, "*") {
			t.Errorf("%+v", s)
		}
		switch action := s.Action.(type) {
		case string:
			actions = append(actions, action)
		case []any:
			for _, a := range action {
				actions = append(actions, a.(string))
			}
		}
	}
	want := []string{"secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "kms:Decrypt"}
	if !slices.Equal(actions, want) {
		t.Errorf("%q, want %q", actions, want)
	}
}

// TestTerraform: it is HCL.
func TestTerraform(t *testing.T) {
	text, err := os.ReadFile("main.tf")
	if err != nil {
		t.Fatal(err)
	}
	if _, problems := hclsyntax.ParseConfig(text, "main.tf", hcl.InitialPos); problems.HasErrors() {
		t.Error(problems)
	}
}
