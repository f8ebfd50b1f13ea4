package secretsmanager

import (
	"crypto/rand"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

const suffixLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

var (
	validName = regexp.MustCompile(`^[A-Za-z0-9/_+=.@!-]+$`)

	// completeARN is how the service tells a complete ARN from a partial one: a name that ends in a hyphen and six
	// characters therefore cannot be found by its partial ARN.
	completeARN = regexp.MustCompile(`-[A-Za-z0-9]{6}$`)
)

func (s *Server) arnPrefix() string {
	return fmt.Sprintf("arn:aws:secretsmanager:%s:%s:secret:", s.region, s.account)
}

func (s *Server) newARN(name string) string {
	suffix := []byte(rand.Text()[:6])
	for i, b := range suffix {
		suffix[i] = suffixLetters[int(b)%len(suffixLetters)]
	}
	return s.arnPrefix() + name + "-" + string(suffix)
}

func checkName(name string) error {
	if len(name) > 512 {
		return constraint("name", "Member must have length less than or equal to 512")
	}
	if !validName.MatchString(name) {
		return invalid("Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
	}
	return nil
}

// find returns the secret of a name, or of a complete or partial ARN. The caller holds mu.
func (s *Server) find(id string) (*secret, error) {
	if id == "" {
		return nil, constraint("secretId", "Member must not be null")
	}
	name, isARN := strings.CutPrefix(id, s.arnPrefix())
	if !isARN && strings.HasPrefix(id, "arn:") {
		return nil, secretNotFound() // of another region or account
	}
	if isARN && completeARN.MatchString(name) {
		return s.first(func(known *secret) bool { return known.arn == id })
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	return s.first(func(known *secret) bool { return known.name == name })
}

func (s *Server) first(matches func(*secret) bool) (*secret, error) {
	if i := slices.IndexFunc(s.secrets, matches); i >= 0 {
		return s.secrets[i], nil
	}
	return nil, secretNotFound()
}

// live is find for operations that a deleted secret refuses.
func (s *Server) live(id string) (*secret, error) {
	known, err := s.find(id)
	if err == nil && known.scheduled() {
		err = badRequest("You can't perform this operation on the secret because it was marked for deletion.")
	}
	return known, err
}

// purge forgets the secrets whose recovery window is over. The caller holds mu.
func (s *Server) purge() {
	now := s.now()
	s.secrets = slices.DeleteFunc(s.secrets, func(known *secret) bool {
		return known.scheduled() && !now.Before(known.purge)
	})
}

func (s *Server) forget(gone *secret) {
	s.secrets = slices.DeleteFunc(s.secrets, func(known *secret) bool { return known == gone })
}
