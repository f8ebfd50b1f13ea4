package managedpool

import "time"

// birth is when pgxpool began to make a connection.
type birth struct {
	asked  time.Time
	number int64 // of its pgxpool's connects, counted
}
