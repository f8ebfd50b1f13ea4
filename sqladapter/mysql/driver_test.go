package mysql

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/probe"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/sqladapter"
)

func TestMain(m *testing.M) { envtest.Main(m) }

func TestClassify(t *testing.T) {
	for number, want := range map[uint16]sqladapter.Meaning{
		1045: sqladapter.PasswordRefused, 1862: sqladapter.PasswordRefused,
		1044: sqladapter.AccessForbidden, 1049: sqladapter.AccessForbidden,
		4151: sqladapter.LoginForbidden, 4150: sqladapter.LoginForbidden, 3118: sqladapter.LoginForbidden, 1820: sqladapter.LoginForbidden,
		1040: sqladapter.Full, 1203: sqladapter.Full, 1226: sqladapter.Full,
		1142: sqladapter.RoleSuspect, 1143: sqladapter.RoleSuspect, 1370: sqladapter.RoleSuspect, 1141: sqladapter.RoleSuspect, 1227: sqladapter.RoleSuspect,
		1053: sqladapter.Killed, 1927: sqladapter.Killed,
		1062: sqladapter.Nothing,
	} {
		a := Classify(errors.Join(errors.New("wrapped"), &mysql.MySQLError{Number: number}))
		if a.Meaning != want {
			t.Errorf("%d means %v, want %v", number, a.Meaning, want)
		}
	}
	if a := Classify(mysql.ErrInvalidConn); a.Meaning != sqladapter.Nothing || a.Code != "" {
		t.Errorf("%+v", a)
	}
}

func TestParseGrant(t *testing.T) {
	for line, want := range map[string][]string{
		"GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*AB'":       nil,
		"GRANT SELECT, INSERT ON `app`.`t` TO `u`@`%`":                     {"SELECT ON `app`.`t`", "INSERT ON `app`.`t`"},
		"GRANT SELECT (`a`, `b`), UPDATE (`a`) ON `app`.`t` TO `u`@`%`":    {"SELECT (`a`, `b`) ON `app`.`t`", "UPDATE (`a`) ON `app`.`t`"},
		"GRANT `app_role` TO `u`@`%`":                                      {"`app_role`"},
		"GRANT EXECUTE ON FUNCTION `app`.`f` TO `u`@`%` WITH GRANT OPTION": {"EXECUTE ON FUNCTION `app`.`f`"},
		"SET DEFAULT ROLE `app_role` FOR `u`@`%`":                          nil,
		"GRANT ALL PRIVILEGES ON `app`.* TO `u`@`%`":                       {"ALL PRIVILEGES ON `app`.*"},
	} {
		if got := parseGrant(line); !slices.Equal(got, want) {
			t.Errorf("%s: %q", line, got)
		}
	}
}

// TestGrants: a login with less than the one in use is refused, one with the same or more passes.
func TestGrants(t *testing.T) {
	for name, rights := range map[string]testenv.MariaRights{"tables": testenv.OnTables, "database": testenv.OnDatabase, "role": testenv.ByRole} {
		t.Run(name, func(t *testing.T) {
			issuer := envtest.MariaIssuerWith(t, &testenv.MariaIssuerOptions{Rights: rights})
			db, next := source.Func(nil), func() testenv.Login {
				login, err := issuer.Issue(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				return login
			}
			first := next()
			give := first
			db = func(context.Context) (source.Credential, error) {
				return source.Credential{Username: give.User, Password: source.NewSecret(give.Password)}, nil
			}
			pool, err := sqladapter.Open(t.Context(), sqladapter.Config{Source: db, Driver: New(issuer.Config(testenv.Login{}))})
			if err != nil {
				t.Fatal(err)
			}
			defer pool.Close()
			give = next()
			if err := issuer.RevokeRights(t.Context(), give); err != nil {
				t.Fatal(err)
			}
			if err := pool.Refresh(t.Context()); err == nil || !probe.Lacks(errors.Unwrap(errors.Unwrap(err))) && pool.Status().Generation != 1 {
				t.Errorf("a login without rights: %v", err)
			}
			t.Log(pool.Status().LastError)
			give = next()
			if err := pool.Refresh(t.Context()); err != nil || pool.Status().Username != give.User {
				t.Errorf("a login with the same rights: %v", err)
			}
			give = next()
			if err := pool.Refresh(t.Context()); err != nil || pool.Status().Username != give.User {
				t.Errorf("another: %v", err)
			}
		})
	}
}
