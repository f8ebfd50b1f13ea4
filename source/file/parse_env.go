package file

import (
	"fmt"
	"strings"

	"github.com/rekeyhq/rekey/internal/fields"
	"github.com/rekeyhq/rekey/source"
)

// parseEnv reads assignments.
func parseEnv(data []byte, names Names) (source.Credential, error) {
	value := map[string]string{}
	text := strings.ReplaceAll(string(fields.TrimBOM(data)), "\r\n", "\n")
	for i, line := range strings.Split(text, "\n") {
		if err := envLine(line, value); err != nil {
			return source.Credential{}, fields.Problem(fmt.Sprintf("line %d: %v", i+1, err))
		}
	}
	return fields.Build(names, value)
}

// envLine reads one line's assignments into value.
func envLine(line string, value map[string]string) error {
	s := envScanner{rest: line}
	for first := true; s.next(); first = false {
		name, assigned := s.name()
		if !assigned {
			if first && name == "export" && s.atSpace() {
				continue
			}
			return fields.Problem("not an assignment NAME=value")
		}
		text, err := s.value()
		if err != nil {
			return err
		}
		value[name] = text
	}
	return nil
}

// envScanner reads a line word by word, as a shell does.
type envScanner struct{ rest string }

// next goes to the next word and reports whether there is one.
func (s *envScanner) next() bool {
	s.rest = strings.TrimLeft(s.rest, " \t\r")
	return s.rest != "" && s.rest[0] != '#'
}

func (s *envScanner) atSpace() bool { return s.rest != "" && strings.IndexByte(" \t", s.rest[0]) >= 0 }

// name reads a variable's name and the equals sign after it, if there is one.
func (s *envScanner) name() (name string, assigned bool) {
	n := 0
	for n < len(s.rest) && isNameByte(s.rest[n], n == 0) {
		n++
	}
	name, s.rest = s.rest[:n], s.rest[n:]
	if n == 0 || s.rest == "" || s.rest[0] != '=' {
		return name, false
	}
	s.rest = s.rest[1:]
	return name, true
}

// value reads up to the next space outside quotes.
func (s *envScanner) value() (string, error) {
	var b strings.Builder
	for s.rest != "" {
		c := s.rest[0]
		s.rest = s.rest[1:]
		var err error
		switch c {
		case ' ', '\t', '\r':
			return b.String(), nil
		case '\'':
			err = s.single(&b)
		case '"':
			err = s.double(&b)
		case '\\':
			err = s.escaped(&b)
		default:
			b.WriteByte(c)
		}
		if err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// single reads to the closing single quote; nothing is special in between.
func (s *envScanner) single(b *strings.Builder) error {
	text, rest, closed := strings.Cut(s.rest, "'")
	if !closed {
		return fields.Problem("a quote is not closed")
	}
	b.WriteString(text)
	s.rest = rest
	return nil
}

// double reads to the closing double quote. As in a shell, a backslash stands for itself before anything but
// the four characters that it protects.
func (s *envScanner) double(b *strings.Builder) error {
	for s.rest != "" {
		c := s.rest[0]
		s.rest = s.rest[1:]
		if c == '"' {
			return nil
		}
		if c == '\\' && s.rest != "" && strings.IndexByte("\"\\$`", s.rest[0]) >= 0 {
			c, s.rest = s.rest[0], s.rest[1:]
		}
		b.WriteByte(c)
	}
	return fields.Problem("a quote is not closed")
}

// escaped reads the character after a backslash.
func (s *envScanner) escaped(b *strings.Builder) error {
	if s.rest == "" {
		return fields.Problem("a backslash at the end: a value cannot span lines")
	}
	b.WriteByte(s.rest[0])
	s.rest = s.rest[1:]
	return nil
}

func isNameByte(c byte, first bool) bool {
	letter := c == '_' || ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z')
	return letter || (!first && '0' <= c && c <= '9')
}
