package awssm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-secretsmanager-caching-go/v2/secretcache"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/rekeyhq/rekey/internal/fields"
	"github.com/rekeyhq/rekey/source"
)

// Error is a call that failed. Its text says what to do, and holds no secret.
type Error struct {
	Op     string // "DescribeSecret" or "GetSecretValue"
	Secret string // as New got it
	Code   string // the service's name of the error, as in "ResourceNotFoundException"; empty: there was no answer
	Err    error  // the service's own words, or why there was no answer

	foreign bool // it is about this process's AWS credentials
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "awssm: %s %s", e.Op, e.Secret)
	if e.Code != "" {
		fmt.Fprintf(&b, ": %s", e.Code)
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	if hint := e.hint(); hint != "" {
		fmt.Fprintf(&b, " (%s)", hint)
	}
	return b.String()
}

// Unwrap returns the cause: a smithy.APIError, if the service has answered.
func (e *Error) Unwrap() error { return e.Err }

// The kinds of errors, by what to do about them.
const (
	missing     = "is it the right name and Region, and has the secret a value?"
	deleted     = "the secret is scheduled for deletion: restore it, or name another"
	forbidden   = "IAM must allow secretsmanager:%s for this secret"
	undecipher  = "the key that encrypts the secret must be enabled, and IAM and the key's policy must allow kms:Decrypt"
	skewed      = "are this machine's clock and its AWS secret access key right?"
	unknownUser = "are the AWS credentials of this process right?"
	expired     = "the AWS credentials of this process have expired"
	throttled   = "Secrets Manager is asked too often: a longer Options.TTL asks less"
)

// kind is what is known about an error of the service.
type kind struct {
	hint      string
	permanent bool // somebody must change something
}

var kinds = map[string]kind{
	"ResourceNotFoundException":    {missing, true},
	"InvalidParameterException":    {"", true},
	"ValidationException":          {"", true},
	"InvalidRequestException":      {"", true},
	"AccessDeniedException":        {forbidden, true},
	"DecryptionFailure":            {undecipher, true},
	"UnrecognizedClientException":  {unknownUser, true},
	"InvalidClientTokenId":         {unknownUser, true},
	"NotAuthorized":                {unknownUser, true},
	"OptInRequired":                {unknownUser, true},
	"AccessDenied":                 {forbidden, true},
	"ValidationError":              {"", true},
	"UnknownOperationException":    {"", true},
	"IncompleteSignatureException": {unknownUser, true},

	"IncompleteSignature":                 {unknownUser, true},
	"MissingAuthenticationToken":          {unknownUser, true},
	"MissingAuthenticationTokenException": {unknownUser, true},

	// These pass: clocks are put right, credentials renewed, limits end.
	"InvalidSignatureException":   {skewed, false},
	"SignatureDoesNotMatch":       {skewed, false},
	"RequestTimeTooSkewed":        {skewed, false},
	"RequestExpired":              {skewed, false},
	"ExpiredTokenException":       {expired, false},
	"ThrottlingException":         {throttled, false},
	"TooManyRequestsException":    {throttled, false},
	"RequestLimitExceeded":        {throttled, false},
	"InternalServiceError":        {"", false},
	"ServiceUnavailableException": {"", false},
}

// kind looks more closely at errors that have one name for several things.
func (e *Error) kind() kind {
	if e.foreign {
		return kind{hint: unknownUser}
	}
	k := kinds[e.Code]
	words := strings.ToLower(e.Err.Error())
	switch {
	case e.Code == "AccessDeniedException" && (strings.Contains(words, "access to kms") || strings.Contains(words, "kms:")):
		k.hint = undecipher
	case e.Code == "InvalidRequestException" && strings.Contains(words, "deleti"):
		k.hint = deleted
	}
	return k
}

func (e *Error) hint() string {
	hint := e.kind().hint
	if hint == forbidden {
		return fmt.Sprintf(forbidden, e.Op)
	}
	return hint
}

// callError is what a call of the API, or the cache, failed with.
type callError struct {
	op  string
	err error
}

func (e *callError) Error() string { return e.op + ": " + e.err.Error() }
func (e *callError) Unwrap() error { return e.err }

// failure describes why a call failed. It returns an *Error, marked as permanent where it is.
func (s *Source) failure(op string, err error) error {
	var call *callError
	if errors.As(err, &call) {
		op, err = call.op, call.err
	}
	e := &Error{Op: op, Secret: s.id, Err: oneLine{err}}
	var (
		answer    smithy.APIError
		noVersion *secretcache.VersionNotFoundError
		cancelled *smithy.CanceledError
		unsent    *smithyhttp.RequestSendError
	)
	var late said
	switch {
	case elsewhere(err):
		e.foreign = true
	case errors.As(err, &late):
		e.Err = late
	case errors.As(err, &answer):
		e.Code, e.Err = answer.ErrorCode(), said{wordsOf(answer), err}
	case errors.As(err, &noVersion):
		e.Code, e.Err = "ResourceNotFoundException", problem("no version is AWSCURRENT")
	case errors.As(err, &cancelled):
		e.Err = said{cancelled.Err.Error(), err}
	case errors.As(err, &unsent):
		e.Err = said{unsent.Err.Error(), err}
	}
	if e.kind().permanent && !serverSide(err) {
		return source.Permanent(e)
	}
	return e
}

// elsewhere reports whether err is another service's: the AWS client asks some for its own credentials first.
func elsewhere(err error) bool {
	var op *smithy.OperationError
	for errors.As(err, &op) {
		if op.ServiceID != secretsmanager.ServiceID {
			return true
		}
		err = op.Err
	}
	return false
}

// serverSide reports whether the service says that it is its own fault, whatever it calls it.
func serverSide(err error) bool {
	var response *smithyhttp.ResponseError
	return errors.As(err, &response) && response.HTTPStatusCode() >= http.StatusInternalServerError
}

// said is an error in few words, without the SDK's frame around them.
type said struct {
	words string
	err   error // the whole
}

func (s said) Error() string { return s.words }
func (s said) Unwrap() error { return s.err }

// wordsOf returns what the service says.
func wordsOf(answer smithy.APIError) string {
	text := strings.Join(strings.Fields(answer.ErrorMessage()), " ")
	if text == "" {
		return "no reason given"
	}
	return text
}

// oneLine is an error whose text has no newlines.
type oneLine struct{ err error }

func (o oneLine) Error() string { return strings.Join(strings.Fields(o.err.Error()), " ") }
func (o oneLine) Unwrap() error { return o.err }

// ended is why there is no time any more: the context's own error, and the cause for whoever reads it.
func ended(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != ctx.Err() {
		return said{ctx.Err().Error() + ": " + cause.Error(), ctx.Err()}
	}
	return ctx.Err()
}

// unquoted is the error of a user's function, from which the secret is taken out.
func unquoted(err error, secret string) error {
	var ours fields.Problem
	if errors.As(err, &ours) || secret == "" || !strings.Contains(err.Error(), secret) {
		return err
	}
	return problem(strings.ReplaceAll(err.Error(), secret, "[redacted]"))
}

type problem string

func (p problem) Error() string { return string(p) }

// lacking reports whether a version is just not there, or not for us.
func lacking(err error) bool {
	var answer smithy.APIError
	if elsewhere(err) || !errors.As(err, &answer) {
		return false
	}
	switch answer.ErrorCode() {
	case "ResourceNotFoundException", "AccessDeniedException", "InvalidRequestException":
		return true
	}
	return false
}
