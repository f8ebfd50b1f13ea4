package file

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"sync"

	"github.com/rekeyhq/rekey/source"
)

// fingerprint identifies contents to this process only.
type fingerprint [sha256.Size]byte

// key is random, so that nobody who sees a fingerprint can test guesses of the password against it. It is the
// process's and not a Source's, so that two Sources call the same login by the same Version.
var key = sync.OnceValue(func() []byte {
	k := make([]byte, sha256.Size)
	_, _ = rand.Read(k) // never fails
	return k
})

// newFingerprint tells good contents from errors, and parts from each other however they are cut: each is
// preceded by its length, and one that is absent differs from one that is empty.
func newFingerprint(good bool, parts ...[]byte) (f fingerprint) {
	h := hmac.New(sha256.New, key())
	if good {
		h.Write([]byte{1})
	} else {
		h.Write([]byte{0})
	}
	for _, part := range parts {
		length := int64(len(part))
		if part == nil {
			length = -1
		}
		_ = binary.Write(h, binary.BigEndian, length)
		h.Write(part)
	}
	h.Sum(f[:0])
	return f
}

// version names a login for logs: 16 hexadecimal characters, which another process would choose otherwise.
func version(c source.Credential) string {
	f := newFingerprint(true,
		[]byte(c.Username),
		[]byte(c.Password.Reveal()),
		[]byte(c.Host),
		[]byte(strconv.Itoa(int(c.Port))),
		[]byte(c.Database))
	return hex.EncodeToString(f[:8])
}
