package secretsmanager

import (
	"strconv"
	"strings"
	"time"
)

// rotationRules say how often a secret is to be rotated.
type rotationRules struct {
	AutomaticallyAfterDays *int64 `json:",omitempty"`
	Duration               string `json:",omitempty"`
	ScheduleExpression     string `json:",omitempty"`
}

func (r rotationRules) check() error {
	if r.AutomaticallyAfterDays != nil && r.ScheduleExpression != "" {
		return badParameter("You can't specify both AutomaticallyAfterDays and ScheduleExpression in RotationRules.")
	}
	if days := r.AutomaticallyAfterDays; days != nil && (*days < 1 || *days > 1000) {
		return badParameter("The AutomaticallyAfterDays value must be between 1 and 1000.")
	}
	if r.ScheduleExpression == "" || strings.HasPrefix(r.ScheduleExpression, "cron(") {
		return nil
	}
	if every := r.rate(); every < 4*time.Hour || every > 1000*24*time.Hour {
		return badParameter("The ScheduleExpression is not a cron() or rate() expression between 4 hours and 1000 days.")
	}
	return nil
}

// rate is the interval of a rate() expression; 0 if it is none.
func (r rotationRules) rate() time.Duration {
	inner, isRate := strings.CutPrefix(r.ScheduleExpression, "rate(")
	number, unit, _ := strings.Cut(strings.TrimSuffix(inner, ")"), " ")
	n, err := strconv.Atoi(number)
	if !isRate || err != nil {
		return 0
	}
	switch unit {
	case "hour", "hours":
		return time.Duration(n) * time.Hour
	case "day", "days":
		return time.Duration(n) * 24 * time.Hour
	}
	return 0
}

// shown is what a description says: the days are there for rates in days as well.
func (r rotationRules) shown() *rotationRules {
	if r == (rotationRules{}) {
		return nil
	}
	if every := r.rate(); r.AutomaticallyAfterDays == nil && every > 0 && every%(24*time.Hour) == 0 {
		days := int64(every / (24 * time.Hour))
		r.AutomaticallyAfterDays = &days
	}
	return &r
}

// next is when a secret that was rotated at a time has to be rotated again: the end of a day, or of the hour that the
// window of an hourly rate is open. Zero for cron() expressions, which this server does not read, and without a schedule.
func (r rotationRules) next(last time.Time) time.Time {
	if days := r.AutomaticallyAfterDays; days != nil {
		return endOfDay(last.Add(time.Duration(*days) * 24 * time.Hour))
	}
	switch every := r.rate(); {
	case every == 0:
		return time.Time{}
	case every%(24*time.Hour) == 0:
		return endOfDay(last.Add(every))
	default:
		return last.Add(every).Truncate(time.Hour).Add(time.Hour)
	}
}

func endOfDay(t time.Time) time.Time { return day(t).Add(24*time.Hour - time.Second) }
