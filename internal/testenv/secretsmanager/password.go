package secretsmanager

import (
	"crypto/rand"
	"math/big"
	"strings"
)

const (
	lowercase   = "abcdefghijklmnopqrstuvwxyz"
	uppercase   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits      = "0123456789"
	punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
)

// passwordInput is what GetRandomPassword takes.
type passwordInput struct {
	ExcludeCharacters       string
	ExcludeLowercase        bool
	ExcludeUppercase        bool
	ExcludeNumbers          bool
	ExcludePunctuation      bool
	IncludeSpace            bool
	PasswordLength          *int64
	RequireEachIncludedType *bool
}

// password is the result of GetRandomPassword.
type password struct{ RandomPassword string }

func (s *Server) getRandomPassword(in passwordInput) (*password, error) {
	length := 32
	if in.PasswordLength != nil {
		length = int(*in.PasswordLength)
	}
	if length < 1 || length > 4096 {
		return nil, badParameter("The PasswordLength value must be between 1 and 4096.")
	}
	kinds := in.kinds()
	if len(kinds) == 0 {
		return nil, badParameter("No characters are left to make a password of.")
	}
	var letters []byte
	if in.RequireEachIncludedType == nil || *in.RequireEachIncludedType {
		for _, kind := range kinds {
			letters = append(letters, pick(kind))
		}
	}
	if len(letters) > length {
		return nil, badParameter("The PasswordLength value is too small for one character of each included type.")
	}
	for any := strings.Join(kinds, ""); len(letters) < length; {
		letters = append(letters, pick(any))
	}
	shuffle(letters)
	return &password{RandomPassword: string(letters)}, nil
}

// kinds are the characters that may be used, by type.
func (in passwordInput) kinds() []string {
	all := []struct {
		letters string
		use     bool
	}{
		{lowercase, !in.ExcludeLowercase}, {uppercase, !in.ExcludeUppercase}, {digits, !in.ExcludeNumbers},
		{punctuation, !in.ExcludePunctuation}, {" ", in.IncludeSpace},
	}
	var kinds []string
	for _, kind := range all {
		letters := strings.Map(func(r rune) rune {
			if strings.ContainsRune(in.ExcludeCharacters, r) {
				return -1
			}
			return r
		}, kind.letters)
		if kind.use && letters != "" {
			kinds = append(kinds, letters)
		}
	}
	return kinds
}

func pick(letters string) byte { return letters[below(len(letters))] }

func shuffle(letters []byte) {
	for i := len(letters) - 1; i > 0; i-- {
		j := below(i + 1)
		letters[i], letters[j] = letters[j], letters[i]
	}
}

func below(n int) int {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return int(i.Int64())
}
