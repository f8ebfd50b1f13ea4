// Package rekey holds the words that rekey's pools share: their errors, their events and their status.
//
// The pools themselves are in [github.com/rekeyhq/rekey/managedpool] (pgx) and the sources of credentials
// below [github.com/rekeyhq/rekey/source].
package rekey
