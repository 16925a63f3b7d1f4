//go:build long

package fulfilmentd

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// crash kills the process at the point that TEST_CRASH_AT names, as "point" or,
// for the n-th time that it is met, "point:n". Only builds with the tag long,
// which tests make, have it.
func crash() func(string) error {
	point, count, _ := strings.Cut(os.Getenv("TEST_CRASH_AT"), ":")
	if point == "" {
		return nil
	}
	times, err := strconv.ParseInt(count, 10, 64)
	if err != nil {
		times = 1
	}
	var met atomic.Int64
	return func(at string) error {
		if at != point || met.Add(1) != times {
			return nil
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
			return err
		}
		select {} // until it has arrived
	}
}
