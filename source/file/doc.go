// Package file takes a credential from files that somebody else renders: a Vault agent, a Kubernetes secret
// volume, a CSI driver, a deployment script.
//
// [Open] reads one file that holds the whole credential, as JSON or as environment variables; [OpenDir] a
// directory with a file for each field, as Kubernetes mounts a secret. Both are watched, so that a pool hears
// of a new credential milliseconds after it was written, however it is written: in place, renamed over the
// old one, by Kubernetes' symlink swap, deleted and created again, or with the directory removed and made
// again. What makes no event, such as a network file system, is found by a slow poll.
//
// # What to write, and how
//
// Write a new file next to the old one and rename it over: a reader then sees the one or the other. A Vault
// agent and Kubernetes do. A file that is rewritten in place is given only when it reads the same twice, some
// milliseconds apart, and a text without a newline at its end not before it has stayed the same for a quarter
// of a second, because a cut password is still a password. Half of a JSON object, on the other hand, is not
// JSON: prefer JSON. If a cut credential is read all the same, the pool's own verification refuses it.
//
// Kubernetes never updates a secret that is mounted with subPath: mount the directory. Elsewhere it updates 60
// to 90 seconds late.
//
// # When the file is missing or broken
//
// Fetch returns an error that says what is wrong with which file, and never what is in it. A pool that has a
// credential keeps serving with that one, and reports the error. The source keeps no copy of the last
// password. When a file stays broken for a second, the source logs it and tells those who wait on Changed, so
// that the error is known before the next refresh would be due.
//
// # Trust
//
// A file is read only if it is a regular one of at most 64 KiB, neither its group nor others may write to it,
// and it is owned by root, by the process's own user or by one of [Options].Owners. Symbolic links are
// followed. That others may read it, Kubernetes' default, is worth a warning only. Ownership and permissions
// are checked on Unix systems.
package file
