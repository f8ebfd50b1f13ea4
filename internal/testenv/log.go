package testenv

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// Log returns everything that the server has written to its log: every statement, login and error.
func (p *Postgres) Log() (string, error) { return p.LogSince(0) }

// LogOffset is where the log ends now; give it to LogSince later.
func (p *Postgres) LogOffset() (int64, error) { return logSize(p.LogFile) }

// LogSince returns what the server has written since offset.
func (p *Postgres) LogSince(offset int64) (string, error) { return logSince(p.LogFile, offset) }

// Log returns everything that the server has written to its log: every statement, login and error.
func (m *MariaDB) Log() (string, error) { return m.LogSince(0) }

// LogOffset is where the log ends now; give it to LogSince later.
func (m *MariaDB) LogOffset() (int64, error) { return logSize(m.LogFile) }

// LogSince returns what the server has written since offset.
func (m *MariaDB) LogSince(offset int64) (string, error) { return logSince(m.LogFile, offset) }

func openLog(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

// logSize is 0 when there is no log yet.
func logSize(path string) (int64, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func logSince(path string, offset int64) (string, error) {
	log, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer log.Close()
	if _, err := log.Seek(offset, io.SeekStart); err != nil {
		return "", err
	}
	text, err := io.ReadAll(log)
	return string(text), err
}
