package awssm

import (
	"math/rand/v2"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// schedule is when Secrets Manager means to rotate a secret: some time between begin and end. The zero value: it does not.
type schedule struct{ begin, end time.Time }

const (
	// overdue is how long a rotation is looked for that is late: the service tries again what has failed.
	overdue = time.Hour
	// hourWindow is the service's window for schedules in hours, and day is the most that a window can be.
	hourWindow = time.Hour
	day        = 24 * time.Hour
)

// scheduleOf reads the announcement: the rotation happens on or before NextRotationDate, in the window that ends with it.
// Without a length of its own that is the UTC day, or the hour of a schedule in hours.
func scheduleOf(d *secretsmanager.DescribeSecretOutput) schedule {
	if !aws.ToBool(d.RotationEnabled) || d.NextRotationDate == nil {
		return schedule{}
	}
	next := d.NextRotationDate.UTC()
	length, err := time.ParseDuration(aws.ToString(rulesOf(d).Duration))
	switch {
	case err == nil && length > 0:
		return schedule{begin: next.Add(-min(length, day)), end: next.Add(overdue)}
	case inHours(aws.ToString(rulesOf(d).ScheduleExpression)):
		return schedule{begin: next.Add(-hourWindow), end: next.Add(overdue)}
	default:
		midnight := next.Truncate(day)
		return schedule{begin: midnight, end: midnight.Add(day + overdue)}
	}
}

func rulesOf(d *secretsmanager.DescribeSecretOutput) types.RotationRulesType {
	if d.RotationRules == nil {
		return types.RotationRulesType{}
	}
	return *d.RotationRules
}

// inHours reports whether a schedule has several times a day: rate(8 hours), or cron(0 /8 * * ? *).
func inHours(expression string) bool {
	if fields := strings.Fields(strings.TrimPrefix(expression, "cron(")); strings.HasPrefix(expression, "cron(") && len(fields) > 1 {
		return strings.ContainsAny(fields[1], "/,-*")
	}
	return strings.Contains(expression, "hour")
}

// near reports whether the rotation may be about to happen.
func (s schedule) near(now time.Time) bool {
	return !s.begin.IsZero() && !now.Before(s.begin) && now.Before(s.end)
}

// notPast returns when, or soon after the beginning of the window if that comes before.
func (s schedule) notPast(when, now time.Time, soon time.Duration) time.Time {
	if begin := s.begin.Add(rand.N(soon)); s.begin.After(now) && begin.Before(when) {
		return begin
	}
	return when
}
