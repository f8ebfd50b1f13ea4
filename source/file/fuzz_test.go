package file_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/source/file"
)

const planted = "zQ9planted7Kx"

// fuzzParse cuts and mixes content around a planted password. Nothing may panic, and no error may show it.
func fuzzParse(f *testing.F, parse file.ParseFunc) {
	f.Fuzz(func(t *testing.T, before, after string) {
		content := before + planted + after
		c, err := parse([]byte(content))
		if err != nil {
			if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, planted) {
				t.Errorf("the error shows what was read")
			}
			if c.Username != "" || !c.Password.IsZero() {
				t.Error("an error and a credential")
			}
			return
		}
		if c.Username == "" || c.Password.IsZero() {
			t.Errorf("neither an error nor a credential")
		}
	})
}

func FuzzParseEnv(f *testing.F) {
	for _, seed := range [][2]string{
		{"PGUSER=u\nPGPASSWORD=", "\n"},
		{"export PGUSER='u' PGPASSWORD=\"", "\" # x"},
		{"PGUSER=u PGPASSWORD='", ""},
		{"PGUSER=u\r\nPGPASSWORD=a\\", "\\"},
		{"", "=1"},
		{"PGUSER=u PGPASSWORD=p PGPORT=", ""},
		{"\xef\xbb\xbf#", "\x00"},
	} {
		f.Add(seed[0], seed[1])
	}
	fuzzParse(f, file.ParseEnv)
}

func FuzzParseJSON(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"username":"u","password":"`, `"}`},
		{`{"username":"u","password":"`, `"`},
		{`{"username":"u","password":"p","port":"`, `"}`},
		{`{"username":"u","password":"p","port":`, `}`},
		{`{"`, `":1,"username":2}`},
		{`[[[[{"password":`, ``},
		{"\xef\xbb\xbf{\"password\":\"\\u", "\xff\"}"},
	} {
		f.Add(seed[0], seed[1])
	}
	fuzzParse(f, file.ParseJSON)
}
