package secretsmanager

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	stampForm  = "20060102T150405Z"
	skewLimit  = 5 * time.Minute
	badSigning = "The request signature we calculated does not match the signature you provided. Check your AWS Secret " +
		"Access Key and signing method. Consult the service documentation for details."
)

// signature is the Authorization header of a request, taken apart.
type signature struct {
	keyID   string
	scope   string // date/region/service/aws4_request
	headers []string
	value   string
	stamp   string
}

// authenticate returns the key that has signed the request. The caller holds mu.
func (s *Server) authenticate(r *http.Request, body []byte) (*keyState, error) {
	sig, err := parseSignature(r)
	if err != nil {
		return nil, err
	}
	key, err := s.signer(sig, r.Header.Get("X-Amz-Security-Token"))
	if err != nil {
		return nil, err
	}
	if err := s.checkStamp(sig); err != nil {
		return nil, err
	}
	if err := s.checkScope(sig, r.Header); err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare([]byte(sig.value), []byte(sig.compute(key.Secret, r, body))) != 1 {
		return nil, badSignature(badSigning)
	}
	return key, nil
}

func parseSignature(r *http.Request) (*signature, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return nil, authError("MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	fields, ok := strings.CutPrefix(header, algorithm+" ")
	if !ok {
		return nil, incomplete("Authorization header does not name " + algorithm)
	}
	sig := &signature{stamp: r.Header.Get("X-Amz-Date")}
	for field := range strings.SplitSeq(fields, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		switch name {
		case "Credential":
			sig.keyID, sig.scope, _ = strings.Cut(value, "/")
		case "SignedHeaders":
			sig.headers = strings.Split(value, ";")
		case "Signature":
			sig.value = value
		}
	}
	if sig.keyID == "" || sig.scope == "" || len(sig.headers) == 0 || sig.value == "" || sig.stamp == "" {
		return nil, incomplete("Authorization header requires Credential, SignedHeaders and Signature, and the request X-Amz-Date")
	}
	return sig, nil
}

func (s *Server) signer(sig *signature, token string) (*keyState, error) {
	key := s.keys[sig.keyID]
	if key == nil || key.Token != token {
		return nil, authError("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	if key.expired {
		return nil, authError("ExpiredTokenException", "The security token included in the request is expired")
	}
	return key, nil
}

func (s *Server) checkStamp(sig *signature) error {
	signed, err := time.Parse(stampForm, sig.stamp)
	if err != nil {
		return incomplete("X-Amz-Date is not a time of the form " + stampForm)
	}
	now := s.now()
	if earliest := now.Add(-skewLimit); signed.Before(earliest) {
		return authError(s.skewError, fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - 5 min.)",
			sig.stamp, earliest.Format(stampForm), now.Format(stampForm)))
	}
	if latest := now.Add(skewLimit); signed.After(latest) {
		return authError(s.skewError, fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + 5 min.)",
			sig.stamp, latest.Format(stampForm), now.Format(stampForm)))
	}
	return nil
}

// checkScope holds the signature to this service and region, and to every header that changes what is asked.
func (s *Server) checkScope(sig *signature, header http.Header) error {
	if want := sig.stamp[:8] + "/" + s.region + "/secretsmanager/aws4_request"; sig.scope != want {
		return badSignature("Credential should be scoped to " + want + ".")
	}
	if !slices.Contains(sig.headers, "host") {
		return badSignature("'Host' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for name := range header {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-amz-") && !slices.Contains(sig.headers, lower) {
			return badSignature(fmt.Sprintf("'%s' must be a 'SignedHeader' in the AWS Authorization.", name))
		}
	}
	return nil
}

// compute is Signature Version 4 of the request as it arrived.
func (sig *signature) compute(secret string, r *http.Request, body []byte) string {
	var headers strings.Builder
	for _, name := range sig.headers {
		fmt.Fprintf(&headers, "%s:%s\n", name, headerValue(r, name))
	}
	request := strings.Join([]string{
		r.Method, canonicalPath(r), strings.ReplaceAll(r.URL.Query().Encode(), "+", "%20"),
		headers.String(), strings.Join(sig.headers, ";"), hexHash(body),
	}, "\n")
	toSign := strings.Join([]string{algorithm, sig.stamp, sig.scope, hexHash([]byte(request))}, "\n")
	key := []byte("AWS4" + secret)
	for part := range strings.SplitSeq(sig.scope, "/") {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, toSign))
}

func canonicalPath(r *http.Request) string {
	if path := r.URL.EscapedPath(); path != "" {
		return path
	}
	return "/"
}

// headerValue knows the two headers that net/http keeps elsewhere.
func headerValue(r *http.Request, name string) string {
	switch {
	case name == "host" && r.Host != "":
		return r.Host
	case name == "host":
		return r.URL.Host
	case name == "content-length":
		return strconv.FormatInt(r.ContentLength, 10)
	}
	values := slices.Clone(r.Header.Values(name))
	for i, value := range values {
		values[i] = strings.Join(strings.Fields(value), " ")
	}
	return strings.Join(values, ",")
}

func hexHash(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func authError(name, message string) error {
	return &apiError{name: name, message: message, plain: true}
}

func badSignature(message string) error { return authError("InvalidSignatureException", message) }

func incomplete(message string) error { return authError("IncompleteSignatureException", message) }
