package vault

import (
	"fmt"
	"time"

	"golang.org/x/time/rate"
)

// userLimit keeps a source from making users in a loop, whoever asks and why.
type userLimit struct{ limiter *rate.Limiter }

const (
	userBurst    = 10
	userInterval = 6 * time.Second // ten a minute: many times what a lease of a minute needs
)

func newUserLimit(burst int) userLimit {
	return userLimit{rate.NewLimiter(rate.Every(userInterval), burst)}
}

// fit lets leases of less than a minute be replaced as often as they need it.
func (u userLimit) fit(life time.Duration) {
	u.limiter.SetLimit(rate.Every(min(userInterval, life/10)))
}

func (u userLimit) take(path string) error {
	if u.limiter.Allow() {
		return nil
	}
	wait := time.Duration((1 - u.limiter.Tokens()) / float64(u.limiter.Limit()) * float64(time.Second))
	return fmt.Errorf("vault: read %s: not asked for: too many users were made lately; the next may be in %v",
		path, wait.Round(time.Millisecond))
}
