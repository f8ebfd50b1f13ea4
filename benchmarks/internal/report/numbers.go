package report

import "strconv"

// Numbers are written to four digits that count: a chart shows no more, and its file stays small.
type Numbers []float64

// MarshalJSON implements json.Marshaler.
func (n Numbers) MarshalJSON() ([]byte, error) {
	out := []byte{'['}
	for i, x := range n {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendFloat(out, x, 'g', 4, 64)
	}
	return append(out, ']'), nil
}
