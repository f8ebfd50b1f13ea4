package secretsmanager

// operation does what one kind of request asks. The caller holds the server's mu.
type operation func(s *Server, body []byte) (any, error)

// operations are all that this server can do.
var operations = map[string]operation{
	"CancelRotateSecret":       typed((*Server).cancelRotateSecret),
	"CreateSecret":             typed((*Server).createSecret),
	"DeleteSecret":             typed((*Server).deleteSecret),
	"DescribeSecret":           typed((*Server).describeSecret),
	"GetRandomPassword":        typed((*Server).getRandomPassword),
	"GetSecretValue":           typed((*Server).getSecretValue),
	"ListSecretVersionIds":     typed((*Server).listSecretVersionIDs),
	"ListSecrets":              typed((*Server).listSecrets),
	"PutSecretValue":           typed((*Server).putSecretValue),
	"RestoreSecret":            typed((*Server).restoreSecret),
	"RotateSecret":             typed((*Server).rotateSecret),
	"TagResource":              typed((*Server).tagResource),
	"UntagResource":            typed((*Server).untagResource),
	"UpdateSecret":             typed((*Server).updateSecret),
	"UpdateSecretVersionStage": typed((*Server).updateSecretVersionStage),
}

func typed[In, Out any](do func(*Server, In) (*Out, error)) operation {
	return func(s *Server, body []byte) (any, error) {
		var in In
		if err := decode(body, &in); err != nil {
			return nil, err
		}
		out, err := do(s, in)
		if err != nil {
			return nil, err
		}
		return out, nil
	}
}

// named is the result of operations that have nothing to say but which secret they were for.
type named struct {
	ARN  string
	Name string
}

// empty is the result of operations that have nothing to say.
type empty struct{}
