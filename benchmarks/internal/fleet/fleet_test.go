package fleet

import (
	"fmt"
	"reflect"
	"testing"
	"time"
)

// service is a fleet that has been running for hours when the interesting part begins.
func service() Config {
	return Config{
		Instances: 200, Lease: time.Hour, Renews: true, Latency: 20 * time.Millisecond, Login: 20 * time.Millisecond,
		Drain: time.Second, Length: 12 * time.Hour, Rollout: Rollout{Within: time.Hour}, Seed: 1,
	}
}

func TestX(t *testing.T) {
	c := service()
	c.Instances = 10000
	c.Length = 24 * time.Hour
	begin := time.Now()
	r := Run(c, nil)
	fmt.Printf("%v day %+v\n", time.Since(begin), r.Requests().Over(Window{2 * time.Hour, 24 * time.Hour}))
	c.Length = 12 * time.Hour
	c.Restarts = []Rollout{{2 * time.Hour, time.Second}}
	begin = time.Now()
	r = Run(c, nil)
	fmt.Printf("%v restart %+v after %+v\n", time.Since(begin), r.Requests().Over(Window{2 * time.Hour, 2*time.Hour + time.Minute}), r.Requests().Over(Window{2*time.Hour + time.Minute, 12 * time.Hour}))
	c.Restarts = nil
	c.Outages = []Window{{2 * time.Hour, 3 * time.Hour}}
	begin = time.Now()
	r = Run(c, nil)
	fmt.Printf("%v outage %+v renew %+v least %d\n", time.Since(begin), r.Requests().Over(c.Outages[0]), r.Renewals.Over(c.Outages[0]), r.LeastUsable(Window{2 * time.Hour, 12 * time.Hour}))
	fmt.Printf("minute after %+v\n", r.Requests().Over(Window{3 * time.Hour, 3*time.Hour + time.Minute}))
	for h := 3; h < 12; h++ {
		fmt.Printf("hour %d %+v\n", h, r.Requests().Over(Window{time.Duration(h)*time.Hour + time.Minute, time.Duration(h)*time.Hour + time.Hour}))
	}
}

func TestSame(t *testing.T) {
	if !reflect.DeepEqual(Run(service(), nil), Run(service(), nil)) {
		t.Error("the same seed gives another result")
	}
}
