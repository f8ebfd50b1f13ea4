// Package awssm takes credentials from AWS Secrets Manager.
//
//	cfg, err := config.LoadDefaultConfig(ctx)
//	src, err := awssm.New(secretsmanager.NewFromConfig(cfg), "prod/app/db", nil)
//	pool, err := managedpool.New(ctx, "host=db.internal dbname=app sslmode=verify-full", src, nil)
//
// # Reading
//
// Secrets are read through AWS's own cache (aws-secretsmanager-caching-go), and looked at again when Options.TTL is over:
// one call of DescribeSecret, and one of GetSecretValue when the version has changed. Near the rotation that Secrets
// Manager has announced that happens ten times as often. When the server refuses a login, the pool asks at once, past the
// cache.
//
// Some habits of the cache do not reach users of this package. It serves what it has without a word while the service is
// down: here that is an error, on which a pool goes on with the login in use. Its RefreshNow, which sleeps and ignores its
// context and races with readers, is not called: what is asked past the cache goes to the service itself, and the cache
// is thrown away if that has brought something new. Readers of one cache wait behind each other's requests: here they
// wait until their own context ends.
//
// # Rotation
//
// A rotation for a single user changes the password in the database some time before it makes the new version AWSCURRENT, and
// a rotation that dies in between never does. So when the server refuses the password of AWSCURRENT, the Source names
// AWSPENDING's as an alternate (see source.Alternates). The pool adopts it if it works, says so in its Status and
// events, and is back on AWSCURRENT when that is right again.
//
// # Errors
//
// Errors are *[Error], say which call of which secret has failed and what to do, and are permanent (see
// source.IsPermanent) where somebody must change something.
package awssm
