// Package testenv starts real servers for tests and demonstrations: a private PostgreSQL with TLS and
// SCRAM, a private MariaDB with TLS, an issuer of short-lived logins in each, a private Vault, and a TCP proxy that counts
// and cuts connections.
//
// It does not import "testing", so that examples can use it too; package envtest adds what tests want.
package testenv
