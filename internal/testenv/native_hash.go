package testenv

import (
	"crypto/sha1"
	"encoding/hex"
	"strings"
)

// nativeHash is what MariaDB keeps of a password under mysql_native_password, computed here so that no statement holds
// the password itself: SHA-1 twice.
func nativeHash(password string) string {
	once := sha1.Sum([]byte(password))
	twice := sha1.Sum(once[:])
	return "*" + strings.ToUpper(hex.EncodeToString(twice[:]))
}
