package file_test

import (
	"path/filepath"
	"testing"

	"github.com/rekeyhq/rekey/source/file"
	"github.com/rekeyhq/rekey/source/sourcetest"
)

func TestConformance(t *testing.T) {
	for _, test := range []struct {
		name string
		text func(int) string
		put  func(testing.TB, string, string)
	}{
		{"JSON renamed", jsonText, replace},
		{"JSON in place", jsonText, write},
		{"env renamed", envText, replace},
	} {
		t.Run(test.name, func(t *testing.T) {
			sourcetest.Run(t, sourcetest.Harness{Make: func(t *testing.T) *sourcetest.Origin {
				path := filepath.Join(t.TempDir(), "db")
				n := 1
				put := func(t *testing.T) { test.put(t, path, test.text(n)) }
				put(t)
				src, err := file.Open(path, &file.Options{PollInterval: noPoll})
				if err != nil {
					t.Fatal(err)
				}
				return &sourcetest.Origin{
					Source:  src,
					Rotate:  func(t *testing.T) { n++; put(t) },
					Break:   func(t *testing.T) { replace(t, path, test.text(n)[:30]) },
					Repair:  put,
					Secrets: func() []string { return []string{password(n)} },
				}
			}})
		})
	}
}

func TestConformanceDir(t *testing.T) {
	sourcetest.Run(t, sourcetest.Harness{Make: func(t *testing.T) *sourcetest.Origin {
		v := &volume{dir: t.TempDir()}
		n := 1
		put := func(t *testing.T) { v.publish(t, pair(n)) }
		put(t)
		src, err := file.OpenDir(v.dir, &file.Options{PollInterval: noPoll})
		if err != nil {
			t.Fatal(err)
		}
		return &sourcetest.Origin{
			Source: src,
			Rotate: func(t *testing.T) { n++; put(t) },
			Break:  func(t *testing.T) { v.publish(t, map[string]string{"username": user(n)}) },
			Repair: put,
		}
	}})
}
