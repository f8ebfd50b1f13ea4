package managedpool

import (
	"errors"
	"strings"
)

// complaints are pgx's words for what is wrong with a connection string, as far as they hold nothing of it.
var complaints = []string{
	"failed to parse as URL",
	"failed to parse as keyword/value",
	"failed to read service",
	"failed to configure TLS",
	"invalid port",
	"invalid connect_timeout",
	"invalid sslcertmode",
	"invalid require_auth",
	"invalid min_protocol_version",
	"invalid max_protocol_version",
	"min_protocol_version cannot be greater than max_protocol_version",
	"unknown target_session_attrs",
	"unknown channel_binding",
	"invalid default_query_exec_mode",
	"cannot parse statement_cache_capacity",
	"cannot parse description_cache_capacity",
	"cannot parse pool_max_conns",
	"pool_max_conns too small",
	"cannot parse pool_min_conns",
	"cannot parse pool_min_idle_conns",
	"cannot parse pool_max_conn_lifetime_jitter",
	"cannot parse pool_max_conn_lifetime",
	"cannot parse pool_max_conn_idle_time",
	"cannot parse pool_health_check_period",
	"cannot parse pool_ping_timeout",
}

// connStringError says what is wrong with a connection string without repeating any of it: pgx's own error
// holds the string, and its text may show a password that it does not recognise as one.
func connStringError(err error) error {
	const advice = "parse it with ParseConfig to see pgx's own error, which may show the password"
	for _, c := range complaints {
		if strings.Contains(err.Error(), "`: "+c) {
			return errors.New("managedpool: connString: " + c + " (" + advice + ")")
		}
	}
	return errors.New("managedpool: connString is malformed (" + advice + ")")
}
