package secretsmanager_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/rekeyhq/rekey/internal/testenv/secretsmanager"
)

// call sends a signed request as any client could, and returns the answer and its body.
func call(t *testing.T, server *secretsmanager.Server, operation, body string) (*http.Response, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL()+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "secretsmanager."+operation)
	config := server.Config()
	credentials, err := config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(body))
	err = v4.NewSigner().SignHTTP(t.Context(), credentials, r, hex.EncodeToString(sum[:]), "secretsmanager", config.Region, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	answer, err := config.HTTPClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("hush")) {
		t.Error("the answer repeats a value")
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	return answer, fields
}

func TestErrorShape(t *testing.T) {
	server, e := newOwn(t)
	name, _ := e.seed("one")
	id := `{"SecretId":"` + name + `"`
	for _, c := range []struct {
		what, operation, body string
		fault                 secretsmanager.Fault
		status                int
		err, key              string
	}{
		{"an error of the API", "GetSecretValue", `{"SecretId":"nobody"}`, 0, 400, "ResourceNotFoundException", "Message"},
		{"no secret named", "GetSecretValue", `{}`, 0, 400, "ValidationException", "message"},
		{"no token to create with", "CreateSecret", `{"Name":"x","SecretString":"hush"}`, 0, 400, "InvalidRequestException", "Message"},
		{"no token to put with", "PutSecretValue", id + `,"SecretString":"hush"}`, 0, 400, "InvalidRequestException", "Message"},
		{"no token to update with", "UpdateSecret", id + `,"SecretString":"hush"}`, 0, 400, "InvalidRequestException", "Message"},
		{"no token to rotate with", "RotateSecret", id + `}`, 0, 400, "InvalidParameterException", "Message"},
		{"empty text", "PutSecretValue", id + `,"ClientRequestToken":"` + newToken() + `","SecretString":""}`, 0, 400, "ValidationException", "message"},
		{"no JSON", "PutSecretValue", `hush`, 0, 400, "SerializationException", "message"},
		{"JSON of another kind", "PutSecretValue", id + `,"SecretString":{"hush":1}}`, 0, 400, "SerializationException", "message"},
		{"no such operation", "Guess", `{}`, 0, 400, "UnknownOperationException", ""},
		{"throttled", "GetSecretValue", id + `}`, secretsmanager.Throttled, 400, "ThrottlingException", "message"},
		{"broken", "GetSecretValue", id + `}`, secretsmanager.InternalError, 500, "InternalServiceError", "Message"},
		{"gone", "GetSecretValue", id + `}`, secretsmanager.Unavailable, 503, "ServiceUnavailableException", "message"},
	} {
		t.Run(c.what, func(t *testing.T) {
			if c.fault != 0 {
				server.FailNext(1, c.fault)
			}
			answer, fields := call(t, server, c.operation, c.body)
			if answer.StatusCode != c.status || fields["__type"] != c.err || answer.Header.Get("X-Amzn-Errortype") != c.err {
				t.Errorf("got %d, %v, %v", answer.StatusCode, fields, answer.Header)
			}
			if text, _ := fields[c.key].(string); c.key != "" && text == "" {
				t.Errorf("no %s in %v", c.key, fields)
			}
			wantHeaders(t, answer.Header)
		})
	}
}

func wantHeaders(t *testing.T, header http.Header) {
	t.Helper()
	if len(header.Get("X-Amzn-Requestid")) != 36 || header.Get("Content-Type") != "application/x-amz-json-1.1" {
		t.Errorf("headers %v", header)
	}
	if _, err := http.ParseTime(header.Get("Date")); err != nil {
		t.Error(err)
	}
}

func TestResultShape(t *testing.T) {
	server, e := newOwn(t)
	name, version := e.seed("one")
	answer, fields := call(t, server, "GetSecretValue", `{"SecretId":"`+name+`"}`)
	if answer.StatusCode != 200 || fields["SecretString"] != "one" || fields["VersionId"] != version {
		t.Errorf("got %d, version %v", answer.StatusCode, fields["VersionId"])
	}
	if at, ok := fields["CreatedDate"].(float64); !ok || time.Since(time.UnixMilli(int64(at*1000))).Abs() > time.Minute {
		t.Errorf("CreatedDate is %v", fields["CreatedDate"])
	}
	if _, there := fields["SecretBinary"]; there {
		t.Error("a text has bytes as well")
	}
	wantHeaders(t, answer.Header)
}
