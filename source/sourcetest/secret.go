package sourcetest

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/rekeyhq/rekey/source"
)

// digestPrefix is how many characters of a hash's hex or base64 form give it away: enough that chance does not
// produce them, few enough that a truncated hash is found.
const digestPrefix = 10

// secret is a password, and all that gives it away.
type secret struct {
	plain   string
	digests []digest
}

// digest is the beginning of one form of an unkeyed hash.
type digest struct{ name, form string }

// newSecret prepares c's password. A plain hash of it counts as the password, because guesses can be tested
// against it.
func newSecret(c source.Credential) secret {
	s := secret{plain: c.Password.Reveal()}
	if s.plain == "" {
		return s
	}
	for _, material := range hashed(c.Username, s.plain) {
		for name, sum := range sums(material) {
			s.digests = append(s.digests,
				digest{name, hex.EncodeToString(sum)[:digestPrefix]},
				digest{name, strings.ToUpper(hex.EncodeToString(sum))[:digestPrefix]},
				digest{name, base64.StdEncoding.EncodeToString(sum)[:digestPrefix]},
				digest{name, base64.URLEncoding.EncodeToString(sum)[:digestPrefix]})
		}
	}
	return s
}

// in says what of s text shows, or "".
func (s secret) in(text string) string {
	if s.plain != "" && strings.Contains(text, s.plain) {
		return "a secret"
	}
	for _, d := range s.digests {
		if strings.Contains(text, d.form) {
			return "an unkeyed " + d.name + " of the password"
		}
	}
	return ""
}

// hashed lists what somebody in a hurry would hash.
func hashed(username, password string) []string {
	return []string{
		password,
		password + "\n",
		username + password,
		password + username,
		username + ":" + password,
		username + "/" + password,
		username + "\x00" + password,
		username + "\n" + password,
	}
}

func sums(material string) map[string][]byte {
	var (
		b      = []byte(material)
		md     = md5.Sum(b)
		one    = sha1.Sum(b)
		two    = sha256.Sum256(b)
		two224 = sha256.Sum224(b)
		two512 = sha512.Sum512(b)
	)
	return map[string][]byte{
		"MD5": md[:], "SHA-1": one[:], "SHA-256": two[:], "SHA-224": two224[:], "SHA-512": two512[:],
	}
}
