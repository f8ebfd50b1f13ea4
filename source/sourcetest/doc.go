// Package sourcetest helps to test what has to do with a source.Source.
//
// A [Fake] is a source that a test scripts: it rotates, fails, hangs and expires on command, and says what was
// asked of it. It starts no goroutine and takes time from package time only, so it works inside the bubbles of
// testing/synctest.
//
//	fake := sourcetest.New(first, sourcetest.Retires, sourcetest.Notifies)
//	pool, err := managedpool.New(ctx, dsn, fake.Source(), nil)
//	...
//	fake.Rotate(second)
//
// [Run] is the conformance suite: what every Source must do, to be run by each package that makes one.
package sourcetest
