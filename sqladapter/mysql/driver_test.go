package mysql

import (
	"errors"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/rekeyhq/rekey/internal/testenv/envtest"
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
