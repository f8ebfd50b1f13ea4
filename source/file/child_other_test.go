//go:build !unix

package file_test

func child() {}
