// Package secretsmanager is an AWS Secrets Manager for tests, and for nothing else: it keeps what it is given in
// memory, in the clear. It speaks the service's JSON protocol to the real client of the AWS SDK, over a socket of
// 127.0.0.1 or, for tests in simulated time, as the client's http.RoundTripper without one.
//
// Requests must be signed (Signature Version 4) with a [Key] of the server. Secrets, versions and staging labels follow
// the service's API reference; error names and texts are the service's where they are known. A test can break it while
// it is in use: see [Server.FailNext], [Server.FailAll], [Server.SetLatency], [Server.LimitRate], [Server.Deny],
// [Server.SetKeyFault] and [Server.SetClockOffset]. [Server.Requests] is a log of what was asked, without any value.
//
// Left out: replication, resource policies, BatchGetSecretValue, eventual consistency, the retries of a failed
// rotation and rotations started by their schedule.
package secretsmanager
