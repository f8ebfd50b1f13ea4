package pgendpoint

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestRedirect(t *testing.T) {
	for name, test := range map[string]struct {
		dsn, host string
		port      uint16
		database  string
		want      string
	}{
		"nothing":            {"host=a,b port=1,2 dbname=app sslmode=disable", "", 0, "", "a:1/app b:2"},
		"the same":           {"host=a,b port=1,2 dbname=app sslmode=disable", "a", 1, "app", "a:1/app b:2"},
		"another database":   {"host=a,b port=1,2 dbname=app sslmode=disable", "", 0, "other", "a:1/other b:2"},
		"another host":       {"host=a,b port=1,2 dbname=app sslmode=disable", "c", 0, "", "c:1/app"},
		"another port":       {"host=a port=1 dbname=app sslmode=disable", "", 3, "", "a:3/app"},
		"its alternatives":   {"host=a port=1 dbname=app sslmode=prefer", "c", 0, "", "c:1/app(tls) c:1"},
		"the name for TLS":   {"host=a port=1 dbname=app sslmode=verify-full", "c", 0, "", "c:1/app(tls c)"},
		"of another, no TLS": {"host=a,b port=1,1 dbname=app sslmode=prefer", "c", 0, "", "c:1/app(tls) c:1"},
	} {
		config, err := pgconn.ParseConfig(test.dsn)
		if err != nil {
			t.Fatal(err)
		}
		Redirect(config, test.host, test.port, test.database)
		got := fmt.Sprintf("%s:%d/%s", config.Host, config.Port, config.Database)
		switch {
		case config.TLSConfig != nil && !config.TLSConfig.InsecureSkipVerify:
			got += "(tls " + config.TLSConfig.ServerName + ")"
		case config.TLSConfig != nil:
			got += "(tls)"
		}
		for _, f := range config.Fallbacks {
			got += fmt.Sprintf(" %s:%d", f.Host, f.Port)
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
