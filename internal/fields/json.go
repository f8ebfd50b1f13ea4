package fields

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"

	"github.com/rekeyhq/rekey/source"
)

// JSON reads one object. A port may be a number; members that are not named are ignored. The errors of encoding/json
// quote what they read, so none is passed on.
func JSON(data []byte, names Names) (source.Credential, error) {
	data = TrimBOM(data)
	if !utf8.Valid(data) { // encoding/json would replace what is not, and change a password
		return source.Credential{}, Problem("not UTF-8")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil || members == nil {
		return source.Credential{}, notJSON(err)
	}
	value := map[string]string{}
	for _, name := range names.List() {
		text, ok := jsonText(members[name], name == names.Port)
		if !ok {
			return source.Credential{}, Problem(name + " is not a string")
		}
		value[name] = text
	}
	return Build(names, value)
}

// jsonText returns a member's string. Absent and null are empty. A number is taken as it stands if it may be
// one.
func jsonText(raw json.RawMessage, number bool) (text string, ok bool) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", true
	}
	if number && raw[0] != '"' {
		return string(raw), true
	}
	return text, json.Unmarshal(raw, &text) == nil
}

// notJSON says where the content stops being an object, and not what is there.
func notJSON(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return Problem("not a JSON object, or cut off: stopped at byte " + strconv.FormatInt(syntax.Offset, 10))
	}
	return Problem("not a JSON object")
}

// TrimBOM returns data without the byte order mark that some editors put before it.
func TrimBOM(data []byte) []byte { return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) }
