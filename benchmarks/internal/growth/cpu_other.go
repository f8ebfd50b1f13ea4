//go:build !unix

package growth

import "time"

// cpu is not known here.
func cpu() time.Duration { return 0 }
