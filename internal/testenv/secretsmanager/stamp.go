package secretsmanager

import (
	"strconv"
	"time"
)

// stamp is a time as the protocol writes it: seconds since 1970, with milliseconds.
type stamp time.Time

// MarshalJSON writes the number.
func (t stamp) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(time.Time(t).UnixMilli())/1000, 'f', 3, 64), nil
}

// optional is nil for a time that never was.
func optional(t time.Time) *stamp {
	if t.IsZero() {
		return nil
	}
	s := stamp(t)
	return &s
}

// day is what the service keeps of the time of an access.
func day(t time.Time) time.Time { return t.Truncate(24 * time.Hour) }
