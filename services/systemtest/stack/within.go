package stack

import "testing"

// Within is the same installation in a test of a part: what it opens is closed
// when that test ends, and what fails there fails that test.
func (s *Stack) Within(t testing.TB) *Stack {
	part := *s
	part.t = t
	return &part
}
