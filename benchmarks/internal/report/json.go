package report

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// WriteJSON writes the whole report, in one line.
func (r *Report) WriteJSON(to io.Writer) error {
	return json.NewEncoder(to).Encode(r)
}

// ReadJSON reads what WriteJSON wrote. A field that it does not know is an error: the figures of another version
// would be read as zeros.
func ReadJSON(from io.Reader) (*Report, error) {
	decoder := json.NewDecoder(from)
	decoder.DisallowUnknownFields()
	r := new(Report)
	if err := decoder.Decode(r); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return r, nil
}

// ReadFile is ReadJSON of a file.
func ReadFile(path string) (*Report, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return ReadJSON(file)
}
