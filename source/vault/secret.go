package vault

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/rekeyhq/rekey/internal/fields"
	"github.com/rekeyhq/rekey/source"
)

// apiPath joins a mount, what comes between, and a name. Slashes at their ends do not matter.
func apiPath(what, mount, between, name string) (string, error) {
	mount, name = strings.Trim(mount, "/"), strings.Trim(name, "/")
	if mount == "" {
		return "", fmt.Errorf("vault: %s: mount is empty", what)
	}
	if name == "" {
		return "", fmt.Errorf("vault: %s: the name below %q is empty", what, mount)
	}
	for _, part := range strings.Split(mount+"/"+name, "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsAny(part, "?#\x00") {
			return "", fmt.Errorf("vault: %s: %q is no path of Vault's", what, mount+"/"+name)
		}
	}
	if between == "" {
		return mount + "/" + name, nil
	}
	return mount + "/" + between + "/" + name, nil
}

// credentialOf makes a credential of a secret's data.
func credentialOf(data map[string]any, names fields.Names) (source.Credential, error) {
	text, err := json.Marshal(data)
	if err != nil {
		return source.Credential{}, fields.Problem("the secret cannot be read")
	}
	c, err := fields.JSON(text, names.Or(fields.Plain))
	if err != nil {
		return source.Credential{}, err
	}
	return c, fields.Check(c)
}

// key is random, so that nobody who sees a Version can test guesses of the password against it.
var key = sync.OnceValue(func() []byte {
	k := make([]byte, sha256.Size)
	rand.Read(k) // never fails
	return k
})

// versionOf names a login by the time of its rotation, where that is known, and by a fingerprint that is of no use outside
// of the process.
func versionOf(rotated string, c source.Credential) string {
	mac := hmac.New(sha256.New, key())
	fmt.Fprintf(mac, "%q %q %q %d %q", c.Username, c.Password.Reveal(), c.Host, c.Port, c.Database)
	print := hex.EncodeToString(mac.Sum(nil)[:4])
	if rotated == "" {
		return print
	}
	return rotated + "#" + print
}
