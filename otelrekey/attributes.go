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

// sqlStates are those that a refused login is told by. What else a server, or something in front of it, makes up is
// one value, so that it cannot fill the memory of whoever keeps the metrics.
var sqlStates = map[string]bool{"28P01": true, "28000": true, "42501": true, "42704": true, "3D000": true}

func statusOf(sqlState string) attribute.KeyValue {
	if !sqlStates[sqlState] {
		sqlState = otherAttribute
	}
	return statusKey.String(sqlState)
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
