package cli

import (
	"errors"
	"os"
	"runtime"
	"runtime/pprof"
)

// blockRate samples one wait for each this many nanoseconds of waiting.
const blockRate = 10_000

// startProfiles begins the ones that were asked for; stop writes them.
func (f *Flags) startProfiles() (stop func() error, err error) {
	if f.BlockProfile != "" {
		runtime.SetBlockProfileRate(blockRate)
	}
	if f.MutexProfile != "" {
		runtime.SetMutexProfileFraction(10)
	}
	if f.CPUProfile == "" {
		return f.writeProfiles, nil
	}
	file, err := os.Create(f.CPUProfile)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return errors.Join(file.Close(), f.writeProfiles())
	}, nil
}

func (f *Flags) writeProfiles() error {
	return errors.Join(
		writeProfile("allocs", f.MemProfile),
		writeProfile("block", f.BlockProfile),
		writeProfile("mutex", f.MutexProfile),
	)
}

func writeProfile(name, path string) error {
	if path == "" {
		return nil
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup(name).WriteTo(file, 0), file.Close())
}
