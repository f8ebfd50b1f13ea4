package mysql

import (
	"net"
	"strconv"

	"github.com/go-sql-driver/mysql"

	"github.com/rekeyhq/rekey/source"
)

// redirect points config at the credential's endpoint, if it brings one: its owner has allowed that.
func redirect(config *mysql.Config, c source.Credential) {
	if c.Database != "" {
		config.DBName = c.Database
	}
	if c.Host == "" && c.Port == 0 {
		return
	}
	host, port, err := net.SplitHostPort(config.Addr)
	if err != nil {
		host, port = config.Addr, "3306"
	}
	if c.Host != "" {
		host = c.Host
		if config.TLS != nil && config.TLS.ServerName != "" {
			config.TLS = config.TLS.Clone()
			config.TLS.ServerName = c.Host
		}
	}
	if c.Port != 0 {
		port = strconv.Itoa(int(c.Port))
	}
	config.Net, config.Addr = "tcp", net.JoinHostPort(host, port)
}
