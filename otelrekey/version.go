package otelrekey

import (
	"runtime/debug"
	"sync"
)

// version is that of the module, as the program was built with it; empty where nobody knows.
var version = sync.OnceValue(func() string {
	const module = "github.com/rekeyhq/rekey"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == module {
			return m.Version
		}
	}
	return ""
})
