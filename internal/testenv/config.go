package testenv

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
)

// maxSocketFolder is how long a folder's name may be for the socket's name in it to fit into sockaddr_un.
const maxSocketFolder = 80

// hbaConf lets in who comes with TLS and SCRAM, and nobody else.
const hbaConf = `
local   all all                scram-sha-256
hostssl all all 127.0.0.1/32   scram-sha-256
hostssl all all ::1/128        scram-sha-256
`

// serverConf is what a private cluster changes: safety of data is given up for speed, because the data goes
// with the test; everything is logged, because tests read the log.
func serverConf(dir string) string {
	socket := dir
	if len(socket) > maxSocketFolder {
		socket = ""
	}
	return fmt.Sprintf(`
listen_addresses = '127.0.0.1'
unix_socket_directories = %s
max_connections = 200
password_encryption = 'scram-sha-256'
ssl = on

fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
shared_buffers = 32MB
checkpoint_timeout = 30min
jit = off

logging_collector = off
log_destination = 'stderr'
log_line_prefix = '%%m [%%p] %%e %%q%%u@%%d '
log_statement = 'all'
log_connections = on
log_disconnections = on
log_timezone = 'UTC'
timezone = 'UTC'
`, quoteConf(socket))
}

// The ports tried lie below the range from which systems take the local ports of outgoing connections, so that
// a server that restarts finds its port free.
const firstPort, lastPort = 15000, 32000

// freePort returns a port of 127.0.0.1 that nobody listens on now.
func freePort() (uint16, error) {
	var err error
	for range 100 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return uint16(port), l.Close()
		}
	}
	return 0, fmt.Errorf("no free port on 127.0.0.1: %w", err)
}

func appendFile(path, text string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := file.WriteString(text); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}
