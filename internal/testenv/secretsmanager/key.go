package secretsmanager

import (
	"context"
	"crypto/rand"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Key is an access key, and the credentials provider of a client that uses it.
type Key struct {
	ID     string
	Secret string
	Token  string // of temporary credentials; empty otherwise
}

// keyState is what the server knows about a key.
type keyState struct {
	Key
	user    string
	expired bool
	denied  []Rule
}

// Retrieve gives the key to a client.
func (k Key) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{
		AccessKeyID: k.ID, SecretAccessKey: k.Secret, SessionToken: k.Token, Source: "internal/testenv/secretsmanager",
	}, nil
}

// NewKey makes a key for a user, who may do everything until [Server.Deny].
func (s *Server) NewKey(user string) Key {
	return s.addKey(user, Key{ID: "AKIA" + rand.Text()[:16], Secret: rand.Text()})
}

// NewTemporaryKey is NewKey for credentials with a session token, as those of a role are.
func (s *Server) NewTemporaryKey(user string) Key {
	return s.addKey(user, Key{ID: "ASIA" + rand.Text()[:16], Secret: rand.Text(), Token: rand.Text()})
}

func (s *Server) addKey(user string, key Key) Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[key.ID] = &keyState{Key: key, user: user}
	return key
}

// RevokeKey makes the server forget a key.
func (s *Server) RevokeKey(key Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys, key.ID)
}

// ExpireKey ends temporary credentials: requests with them give ExpiredTokenException.
func (s *Server) ExpireKey(key Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.keys[key.ID]; known != nil {
		known.expired = true
	}
}
