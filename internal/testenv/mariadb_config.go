package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// mariaConf is the whole configuration: the system's files are not read. There is no Unix socket: its name must be
// short, and everybody comes by TCP with TLS. Safety of data is given up for speed, because the data goes with the
// test; everything is logged, because tests read the log. A limit of sessions per user is there, so that it can be
// changed while the server runs: that of 0 cannot. What begins with loose_ is not known to all versions.
func mariaConf(m *MariaDB) string {
	return fmt.Sprintf(`
[mariadbd]
datadir = %s
tmpdir = %s
bind_address = 127.0.0.1
socket =
skip_name_resolve = ON
max_connections = 200
max_user_connections = 1000
max_connect_errors = 1000000
character_set_server = utf8mb4
default_time_zone = '+00:00'

require_secure_transport = ON
ssl_ca = %s
ssl_cert = %s
ssl_key = %s

general_log = ON
general_log_file = %s

debug_no_sync = ON
sync_frm = OFF
performance_schema = OFF
table_open_cache = 400
key_buffer_size = 1M
aria_pagecache_buffer_size = 8M
aria_log_file_size = 8M
innodb_buffer_pool_size = 16M
innodb_buffer_pool_load_at_startup = OFF
innodb_buffer_pool_dump_at_shutdown = OFF
innodb_data_file_path = ibdata1:4M:autoextend
innodb_autoextend_increment = 1
innodb_temp_data_file_path = ibtmp1:1M:autoextend
innodb_log_file_size = 8M
innodb_flush_log_at_trx_commit = 0
innodb_doublewrite = OFF
innodb_use_native_aio = OFF
loose_innodb_flush_method = nosync
`, m.DataDir, m.dir, m.CAFile, m.certFile(), m.keyFile(), m.LogFile)
}

// mariaBootstrap is the SQL that a fresh data folder begins with: the system tables and one account, which has all
// rights. The server reads it without looking at rights, one statement after another, each ended at the end of a line.
func mariaBootstrap(program mariaProgram, password string) ([]byte, error) {
	tables, err := os.ReadFile(program.tables)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(program.data)
	if err != nil {
		return nil, err
	}
	return slices.Concat([]byte("CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = NULL;\n"), tables, data,
		fmt.Appendf(nil, `
DELETE FROM proxies_priv;
DELETE FROM global_priv WHERE User <> 'mariadb.sys';
INSERT INTO global_priv VALUES ('%%', %s, JSON_OBJECT('access', 18446744073709551615,
	'plugin', 'mysql_native_password', 'authentication_string', %s));
`, quoteMariaLiteral(AdminUser), quoteMariaLiteral(nativeHash(password)))), nil
}

func (m *MariaDB) confFile() string { return filepath.Join(m.dir, "server.cnf") }
func (m *MariaDB) certFile() string { return filepath.Join(m.dir, "server.crt") }
func (m *MariaDB) keyFile() string  { return filepath.Join(m.dir, "server.key") }
