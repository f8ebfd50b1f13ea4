package server

import (
	"net/url"
	"strings"
)

// Login is a role and its password.
type Login struct {
	User     string
	Password string
	oid      uint32
}

// DSN is the server's connection string with that login.
func (s *Server) DSN(login Login) string { return withLogin(s.adminDSN, login) }

// withLogin works on both forms of a connection string. In the one of keywords the last one of a name counts.
func withLogin(dsn string, login Login) string {
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return dsn + " user=" + login.User + " password=" + login.Password
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "" // pgx has read it before
	}
	u.User = url.UserPassword(login.User, login.Password)
	query := u.Query()
	query.Del("user")
	query.Del("password")
	u.RawQuery = query.Encode()
	return u.String()
}
