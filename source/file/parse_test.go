package file_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/file"
)

// parseTest is a content and what must come of it: user/password@host:port/database, or an error's text.
type parseTest struct {
	name, content, want, wantErr string
}

func (test parseTest) run(t *testing.T, parse file.ParseFunc) {
	t.Helper()
	c, err := parse([]byte(test.content))
	if test.wantErr != "" {
		if err == nil || !strings.Contains(err.Error(), test.wantErr) {
			t.Fatalf("error %v, want one that says %q", err, test.wantErr)
		}
		if source.IsPermanent(err) {
			t.Errorf("%v is permanent, but the next rendering may be good", err)
		}
		return
	}
	got := fmt.Sprintf("%s/%s@%s:%d/%s", c.Username, c.Password.Reveal(), c.Host, c.Port, c.Database)
	if err != nil || got != test.want {
		t.Fatalf("got %s, %v, want %s", got, err, test.want)
	}
}

func TestEnv(t *testing.T) {
	for _, test := range []parseTest{
		{name: "lines", content: "PGUSER=u\nPGPASSWORD=p\n", want: "u/p@:0/"},
		{name: "all", content: "PGUSER=u\nPGPASSWORD=p\nPGHOST=h\nPGPORT=6432\nPGDATABASE=d\n", want: "u/p@h:6432/d"},
		{name: "one line", content: "PGUSER=u PGPASSWORD=p", want: "u/p@:0/"},
		{name: "export", content: "export PGUSER=u\n\texport  PGPASSWORD=p PGHOST=h\n", want: "u/p@h:0/"},
		{name: "a variable named export", content: "export=x PGUSER=u PGPASSWORD=p", want: "u/p@:0/"},
		{name: "comments", content: "# PGUSER=x\n \t# y\nPGUSER=u # PGPASSWORD=x\nPGPASSWORD=p#q#\n", want: "u/p#q#@:0/"},
		{name: "CRLF", content: "PGUSER=u\r\n# c\r\n\r\nPGPASSWORD='p'\r\n", want: "u/p@:0/"},
		{name: "BOM", content: "\xef\xbb\xbfPGUSER=u\nPGPASSWORD=p\n", want: "u/p@:0/"},
		{name: "single quotes", content: `PGUSER='u v' PGPASSWORD='p"\$#= '`, want: `u v/p"\$#= @:0/`},
		{name: "double quotes", content: `PGUSER="u v" PGPASSWORD="p'\"\\\$\` + "`" + `\n#= "`, want: `u v/p'"\$` + "`" + `\n#= @:0/`},
		{name: "pieces", content: `PGUSER=a'b'"c"d PGPASSWORD='it'\''s'`, want: `abcd/it's@:0/`},
		{name: "backslash", content: `PGUSER=a\ b PGPASSWORD=\\\#`, want: `a b/\#@:0/`},
		{name: "nothing is expanded", content: "PGUSER=$HOME PGPASSWORD=\"$(id)`id`\"", want: "$HOME/$(id)`id`@:0/"},
		{name: "equals signs", content: "PGUSER=u\nPGPASSWORD===p==\n", want: "u/==p==@:0/"},
		{name: "others are ignored", content: "A=1\n_b2=\nPGUSER=u\nPGPASSWORD=p\n", want: "u/p@:0/"},
		{name: "the last wins", content: "PGUSER=x\nPGUSER=u\nPGPASSWORD=p\n", want: "u/p@:0/"},
		{name: "not ASCII", content: "PGUSER=ü\nPGPASSWORD=пароль\n", want: "ü/пароль@:0/"},

		{name: "empty", wantErr: "PGUSER is missing"},
		{name: "no password", content: "PGUSER=u\n", wantErr: "PGPASSWORD is missing"},
		{name: "empty password", content: "PGUSER=u\nPGPASSWORD=\n", wantErr: "PGPASSWORD is missing or empty"},
		{name: "names are exact", content: "pguser=u\nPGPASSWORD=p\n", wantErr: "PGUSER is missing"},
		{name: "open single quote", content: "PGUSER=u\nPGPASSWORD='p\n", wantErr: "line 2: a quote is not closed"},
		{name: "open double quote", content: "PGUSER=u\nPGPASSWORD=\"p\\\"\n", wantErr: "line 2: a quote is not closed"},
		{name: "value over lines", content: "PGUSER=u\nPGPASSWORD=p\\\nq\n", wantErr: "line 2: a backslash at the end"},
		{name: "no assignment", content: "PGUSER=u\n\nsecret\n", wantErr: "line 3: not an assignment"},
		{name: "space around the sign", content: "PGUSER = u\n", wantErr: "line 1: not an assignment"},
		{name: "space in a value", content: "PGUSER=u\nPGPASSWORD=a b\n", wantErr: "line 2: not an assignment"},
		{name: "a name with a digit first", content: "1A=u\n", wantErr: "line 1: not an assignment"},
		{name: "port is a word", content: "PGUSER=u PGPASSWORD=p PGPORT=x", wantErr: "PGPORT is not a port"},
		{name: "port is zero", content: "PGUSER=u PGPASSWORD=p PGPORT=0", wantErr: "PGPORT is not a port"},
		{name: "port is too large", content: "PGUSER=u PGPASSWORD=p PGPORT=65536", wantErr: "PGPORT is not a port"},
		{name: "port is endless", content: "PGUSER=u PGPASSWORD=p PGPORT=99999999999999999999", wantErr: "PGPORT is not a port"},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, file.ParseEnv) })
	}
}

func TestJSON(t *testing.T) {
	for _, test := range []parseTest{
		{name: "two members", content: `{"username":"u","password":"p"}`, want: "u/p@:0/"},
		{name: "all", content: `{"username":"u","password":"p","host":"h","port":6432,"dbname":"d"}`, want: "u/p@h:6432/d"},
		{name: "port as a string", content: `{"username":"u","password":"p","port":"6432"}`, want: "u/p@:6432/"},
		{name: "null", content: `{"username":"u","password":"p","host":null,"port":null}`, want: "u/p@:0/"},
		{name: "others are ignored", content: `{"username":"u","password":"p","x":{"username":"y"},"y":[1]}`, want: "u/p@:0/"},
		{name: "space around", content: "\r\n\t{\"username\":\"u\",\n\"password\":\"p\"}\n\n", want: "u/p@:0/"},
		{name: "BOM", content: "\xef\xbb\xbf" + `{"username":"u","password":"p"}`, want: "u/p@:0/"},
		{name: "escapes", content: `{"username":"u","password":"\u0070\"\\\n"}`, want: "u/p\"\\\n@:0/"},

		{name: "empty", wantErr: "not a JSON object"},
		{name: "null alone", content: "null", wantErr: "not a JSON object"},
		{name: "an array", content: `["username"]`, wantErr: "not a JSON object"},
		{name: "cut", content: `{"username":"u","password":"p`, wantErr: "stopped at byte 29"},
		{name: "no closing brace", content: `{"username":"u","password":"p"`, wantErr: "cut off"},
		{name: "two objects", content: `{"username":"u","password":"p"}{}`, wantErr: "not a JSON object"},
		{name: "not UTF-8", content: "{\"username\":\"u\",\"password\":\"p\xff\"}", wantErr: "not UTF-8"},
		{name: "number as a password", content: `{"username":"u","password":12}`, wantErr: "password is not a string"},
		{name: "object as a username", content: `{"username":{},"password":"p"}`, wantErr: "username is not a string"},
		{name: "names are exact", content: `{"Username":"u","password":"p"}`, wantErr: "username is missing"},
		{name: "empty password", content: `{"username":"u","password":""}`, wantErr: "password is missing or empty"},
		{name: "port is a fraction", content: `{"username":"u","password":"p","port":1.5}`, wantErr: "port is not a port"},
		{name: "port is negative", content: `{"username":"u","password":"p","port":-1}`, wantErr: "port is not a port"},
		{name: "port is true", content: `{"username":"u","password":"p","port":true}`, wantErr: "port is not a port"},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, file.ParseJSON) })
	}
}

func TestNames(t *testing.T) {
	env := file.Env(file.Names{Username: "DB_USER", Password: "DB_PASS"})
	parseTest{content: "DB_USER=u DB_PASS=p PGUSER=x PGHOST=h", want: "u/p@h:0/"}.run(t, env)
	json := file.JSON(file.Names{Username: "user", Database: "db"})
	parseTest{content: `{"user":"u","password":"p","db":"d","dbname":"x"}`, want: "u/p@:0/d"}.run(t, json)
}

func TestAuto(t *testing.T) {
	for _, test := range []parseTest{
		{name: "JSON", content: "\n {\"username\":\"u\",\"password\":\"p\"}", want: "u/p@:0/"},
		{name: "env", content: "PGUSER=u PGPASSWORD={p}", want: "u/{p}@:0/"},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, file.Auto) })
	}
}

// A parse function of the caller's may quote what it read: nothing of that comes out.
func TestParseFunc(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	write(t, path, password(1)+"\n")
	fetch := func(parse file.ParseFunc) (source.Credential, error) {
		return open(t, path, &file.Options{PollInterval: noPoll, Parse: parse}).Fetch(t.Context())
	}

	c, err := fetch(func(data []byte) (source.Credential, error) {
		return source.Credential{Username: "u", Password: source.NewSecret(strings.TrimSpace(string(data))), Version: password(1)}, nil
	})
	if err != nil || c.Password.Reveal() != password(1) {
		t.Fatalf("Fetch = %v, %v", c, err)
	}
	wantSilent(t, "the Version", c.Version, 1)

	for name, parse := range map[string]file.ParseFunc{
		"quotes": func(data []byte) (source.Credential, error) {
			_, err := strconv.Atoi(string(data))
			return source.Credential{}, err
		},
		"wraps": func(data []byte) (source.Credential, error) {
			_, err := file.Env(file.Names{})(data)
			return source.Credential{}, fmt.Errorf("%s: %w", data, err)
		},
		"permanent": func(data []byte) (source.Credential, error) {
			return source.Credential{}, source.Permanent(errors.New(string(data)))
		},
		"NUL": func(data []byte) (source.Credential, error) {
			return source.Credential{Username: "u", Password: source.NewSecret(string(data) + "\x00")}, nil
		},
		"not UTF-8": func(data []byte) (source.Credential, error) {
			return source.Credential{Username: "u", Password: source.NewSecret(string(data) + "\xff")}, nil
		},
		"no username": func(data []byte) (source.Credential, error) {
			return source.Credential{Password: source.NewSecret(string(data))}, nil
		},
	} {
		c, err := fetch(parse)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		t.Log(err)
		wantSilent(t, name, fmt.Sprintf("%v %+v %#v", err, err, err), 1)
		if !strings.Contains(err.Error(), path) || !c.Password.IsZero() {
			t.Errorf("%s: Fetch = %v, %v", name, c, err)
		}
		if got := source.IsPermanent(err); got != (name == "permanent") {
			t.Errorf("%s: permanent %v", name, got)
		}
	}
}
