package otelrekey

import (
	"errors"

	"go.opentelemetry.io/otel/attribute"

	"github.com/rekeyhq/rekey"
)

// The keys of attributes. Those without "rekey." are OpenTelemetry's own.
const (
	poolKey      = attribute.Key("db.client.connection.pool.name")
	connStateKey = attribute.Key("db.client.connection.state")
	statusKey    = attribute.Key("db.response.status_code")
	errorKey     = attribute.Key("error.type")

	sourceKey      = attribute.Key("rekey.source")
	outcomeKey     = attribute.Key("rekey.refresh.outcome")
	triggerKey     = attribute.Key("rekey.refresh.trigger")
	operationKey   = attribute.Key("rekey.source.operation")
	verifyKey      = attribute.Key("rekey.verify.result")
	overtakenKey   = attribute.Key("rekey.hand_over.overtaken")
	revokedKey     = attribute.Key("rekey.login.revoked")
	reasonKey      = attribute.Key("rekey.connection.cut.reason")
	roleKey        = attribute.Key("rekey.generation.role")
	breakerKey     = attribute.Key("rekey.breaker.state")
	poolStateKey   = attribute.Key("rekey.pool.state")
	fieldKey       = attribute.Key("rekey.warning.field")
	generationKey  = attribute.Key("rekey.generation") // of spans only
	versionKey     = attribute.Key("rekey.credential.version")
	alternateKey   = attribute.Key("rekey.credential.alternate")
	renewedKey     = attribute.Key("rekey.renew.fallback")
	candidatesKey  = attribute.Key("rekey.alternates.candidates")
	changedKey     = attribute.Key("rekey.fetch.changed")
	cancelledKey   = attribute.Key("rekey.drain.cancelled")
	otherAttribute = "_OTHER" // OpenTelemetry's word for a value that is none of the known
)

// passed is the result of a verification that went well; others are the words of rekey.VerifyClass.
const passed = "passed"

// statuses are the codes that a refused login is told by: SQLSTATEs of PostgreSQL, and numbers of MySQL and MariaDB. What
// else a server, or something in front of it, makes up is one value, so that it cannot fill the memory of whoever keeps
// the metrics.
var statuses = map[string]bool{
	"28P01": true, // wrong password
	"28000": true, // this role, from here, in this way: no
	"42501": true, // no privilege
	"42704": true, // no such role
	"3D000": true, // no such database

	"1044": true, // no access to the database
	"1045": true, // wrong user or password
	"1049": true, // no such database
	"1130": true, // not from this host
	"1141": true, // no such grant
	"1142": true, // no access to the table
	"1143": true, // no access to the column
	"1227": true, // no such privilege
	"1370": true, // no access to the routine
	"1698": true, // this user, in this way: no
	"1820": true, // the password must be changed
	"1862": true, // the password has expired
	"3118": true, // the account is locked
	"3955": true, // the account is locked for some days
	"4150": true, // too many wrong passwords
	"4151": true, // the account is locked (MariaDB)
}

func statusOf(code string) attribute.KeyValue {
	if !statuses[code] {
		code = otherAttribute
	}
	return statusKey.String(code)
}

// errorType is a word for an error of a pool.
func errorType(err error) string {
	var fetchErr *rekey.FetchError
	var verifyErr *rekey.VerifyError
	switch {
	case errors.As(err, &fetchErr):
		return fetchErr.Class().String()
	case errors.As(err, &verifyErr):
		return verifyErr.Class.String()
	default:
		return otherAttribute
	}
}
