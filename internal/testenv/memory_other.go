//go:build !linux

package testenv

// memoryFolder is no folder: there is none that every system of this kind has.
func memoryFolder() string { return "" }
