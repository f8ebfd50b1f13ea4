package refresh

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/rekeyhq/rekey/source"
)

// fingerprint names logins whose source gives no Version. The key lives and dies with the process, so a
// logged fingerprint cannot be used to test guesses of the password.
type fingerprint [32]byte

func newFingerprint() fingerprint {
	var f fingerprint
	rand.Read(f[:]) // never fails: crypto/rand ends the process instead
	return f
}

func (f fingerprint) of(c source.Credential) string {
	mac := hmac.New(sha256.New, f[:])
	for _, field := range []string{c.Username, c.Password.Reveal(), c.Host, c.Database} {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(field))))
		mac.Write([]byte(field))
	}
	mac.Write(binary.BigEndian.AppendUint16(nil, c.Port))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}
