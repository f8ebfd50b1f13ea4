package secretsmanager

import (
	"fmt"
	"net/http"
)

// apiError is what the service answers instead of a result. Its text never holds a secret's value.
type apiError struct {
	status  int // 0: 400, which is nearly all of them
	name    string
	message string
	plain   bool // not one of the API's own shapes: the key is "message", not "Message"
}

func (e *apiError) Error() string { return e.name + ": " + e.message }

func (e *apiError) code() int {
	if e.status == 0 {
		return http.StatusBadRequest
	}
	return e.status
}

func (e *apiError) body() map[string]string {
	if e.plain {
		return map[string]string{"__type": e.name, "message": e.message}
	}
	return map[string]string{"__type": e.name, "Message": e.message}
}

func modeled(name, format string, args ...any) error {
	return &apiError{name: name, message: fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) error {
	return modeled("ResourceNotFoundException", format, args...)
}

func secretNotFound() error { return notFound("Secrets Manager can't find the specified secret.") }

func exists(format string, args ...any) error {
	return modeled("ResourceExistsException", format, args...)
}

func badRequest(format string, args ...any) error {
	return modeled("InvalidRequestException", format, args...)
}

func badParameter(format string, args ...any) error {
	return modeled("InvalidParameterException", format, args...)
}

func limitExceeded(format string, args ...any) error {
	return modeled("LimitExceededException", format, args...)
}

// invalid is for what breaks a constraint of the API's model.
func invalid(format string, args ...any) error {
	return &apiError{name: "ValidationException", message: fmt.Sprintf(format, args...), plain: true}
}

// constraint is invalid in the words of the service: it names the field, and this server never says what was in it.
func constraint(field, format string, args ...any) error {
	return invalid("1 validation error detected: Value at '%s' failed to satisfy constraint: %s", field,
		fmt.Sprintf(format, args...))
}
