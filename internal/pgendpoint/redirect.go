// Package pgendpoint points a configuration of pgx at another server.
package pgendpoint

import (
	"cmp"
	"crypto/tls"

	"github.com/jackc/pgx/v5/pgconn"
)

// Redirect points config at another endpoint; what is empty or zero stays as configured. The alternatives that
// sslmode=prefer or allow made for the configured host are kept for the new one; other hosts are dropped: they belong to the
// configured endpoint.
func Redirect(config *pgconn.Config, host string, port uint16, database string) {
	host, port, database = cmp.Or(host, config.Host), cmp.Or(port, config.Port), cmp.Or(database, config.Database)
	elsewhere := host != config.Host || port != config.Port
	config.Database = database
	if !elsewhere {
		return
	}
	var fallbacks []*pgconn.FallbackConfig
	for _, f := range config.Fallbacks {
		if f.Host == config.Host && f.Port == config.Port {
			fallbacks = append(fallbacks, &pgconn.FallbackConfig{Host: host, Port: port, TLSConfig: tlsFor(f.TLSConfig, host)})
		}
	}
	config.TLSConfig = tlsFor(config.TLSConfig, host)
	config.Fallbacks = fallbacks
	config.Host, config.Port = host, port
}

// tlsFor returns config for another host: the name that is sent, and checked where sslmode says so.
func tlsFor(config *tls.Config, host string) *tls.Config {
	if config == nil || config.ServerName == "" {
		return config
	}
	config = config.Clone()
	config.ServerName = host
	return config
}
