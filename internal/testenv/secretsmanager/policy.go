package secretsmanager

import "fmt"

// Rule says what a key may not do. Empty fields match everything.
type Rule struct {
	// Action is an operation's name, such as GetSecretValue.
	Action string

	// Secret is a secret's name or ARN.
	Secret string

	// VersionStage is a staging label that the request names, as IAM's condition key secretsmanager:VersionStage
	// has it: a request by the version's ID alone, or for AWSCURRENT by default, names none.
	VersionStage string
}

// Deny adds rules to a key of this server. They take effect with its next request.
func (s *Server) Deny(key Key, rules ...Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.keys[key.ID]; known != nil {
		known.denied = append(known.denied, rules...)
	}
}

// Allow takes back everything that was denied to a key.
func (s *Server) Allow(key Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.keys[key.ID]; known != nil {
		known.denied = nil
	}
}

// authorize applies the rules of the request's key. The caller holds mu.
func (s *Server) authorize(key *keyState, r Request, id string) error {
	resource := id
	target, err := s.find(id)
	if err == nil {
		resource = target.arn
	}
	for _, rule := range key.denied {
		if rule.matches(r, resource) {
			return accessDenied("User: arn:aws:iam::%s:user/%s is not authorized to perform: secretsmanager:%s on "+
				"resource: %s with an explicit deny in an identity-based policy", s.account, key.user, r.Operation,
				orAny(resource))
		}
	}
	return nil
}

func (rule Rule) matches(r Request, resource string) bool {
	return (rule.Action == "" || rule.Action == r.Operation) &&
		(rule.Secret == "" || rule.Secret == r.Secret || rule.Secret == resource) &&
		(rule.VersionStage == "" || rule.VersionStage == r.VersionStage)
}

func orAny(resource string) string {
	if resource == "" {
		return "*"
	}
	return resource
}

func accessDenied(format string, args ...any) error {
	return &apiError{name: "AccessDeniedException", message: fmt.Sprintf(format, args...), plain: true}
}
