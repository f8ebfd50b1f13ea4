package awssm

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// schedule is when Secrets Manager means to rotate a secret: some time between begin and end. The zero value: it does not.
type schedule struct{ begin, end time.Time }

const (
	// overdue is how long a rotation is looked for that is late: the service tries again what has failed.
	overdue = time.Hour
	// The service's windows, where none is configured: the rest of the UTC day, and an hour for those that are scheduled
	// by the hour.
	dayWindow  = 24 * time.Hour
	hourWindow = time.Hour
)

// scheduleOf reads the announcement: the rotation happens on or before NextRotationDate, in the window that ends with it.
func scheduleOf(d *secretsmanager.DescribeSecretOutput) schedule {
	if !aws.ToBool(d.RotationEnabled) || d.NextRotationDate == nil {
		return schedule{}
	}
	window := dayWindow
	if rules := d.RotationRules; rules != nil {
		if strings.Contains(aws.ToString(rules.ScheduleExpression), "hour") {
			window = hourWindow
		}
		if length, err := time.ParseDuration(aws.ToString(rules.Duration)); err == nil && length > 0 {
			window = min(length, dayWindow)
		}
	}
	return schedule{begin: d.NextRotationDate.Add(-window), end: d.NextRotationDate.Add(overdue)}
}

// near reports whether the rotation may be about to happen.
func (s schedule) near(now time.Time) bool {
	return !s.begin.IsZero() && !now.Before(s.begin) && now.Before(s.end)
}

// notPast returns when, or the beginning of the window if that comes before.
func (s schedule) notPast(when, now time.Time) time.Time {
	if s.begin.After(now) && s.begin.Before(when) {
		return s.begin
	}
	return when
}
