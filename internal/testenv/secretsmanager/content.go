package secretsmanager

import (
	"bytes"
	"unicode/utf8"
)

// largestValue is a limit of the API, in bytes.
const largestValue = 65536

// content is a secret's value as requests give and get it: a text or bytes, or neither.
type content struct {
	SecretString *string `json:",omitempty"`
	SecretBinary []byte  `json:",omitempty"`
}

func (c content) empty() bool { return c.SecretString == nil && c.SecretBinary == nil }

func (c content) equal(other content) bool {
	if (c.SecretString == nil) != (other.SecretString == nil) {
		return false
	}
	if c.SecretString != nil && *c.SecretString != *other.SecretString {
		return false
	}
	return bytes.Equal(c.SecretBinary, other.SecretBinary)
}

func (c content) check() error {
	switch {
	case c.SecretString != nil && c.SecretBinary != nil:
		return badParameter("You can't specify both a binary secret value and a string secret value in the same secret.")
	case c.SecretString != nil && *c.SecretString == "":
		return constraint("secretString", "Member must have length greater than or equal to 1")
	case c.SecretString != nil && len(*c.SecretString) > largestValue:
		return constraint("secretString", "Member must have length less than or equal to %d", largestValue)
	case c.SecretString != nil && !utf8.ValidString(*c.SecretString):
		return constraint("secretString", "Member must be UTF-8")
	case c.SecretBinary != nil && len(c.SecretBinary) == 0:
		return constraint("secretBinary", "Member must have length greater than or equal to 1")
	case len(c.SecretBinary) > largestValue:
		return constraint("secretBinary", "Member must have length less than or equal to %d", largestValue)
	}
	return nil
}
