package remote

import (
	_ "embed"
	"strings"
)

// remedies has a line for each reason with which a caller can be refused: the
// reason, the field of the request that it is about, if it is about one, and what
// the caller can do. A test holds it against the services.
//
//go:embed remedies.txt
var remedies string

// hint is what is wrong by a reason: the field of the request, if it is one, and
// what the caller can do about it.
type hint struct{ field, advice string }

// hints are for the reasons that services give; empty for another.
func hints(reason string) hint {
	for line := range strings.Lines(remedies) {
		about, advice, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if of, field, _ := strings.Cut(about, " "); of == reason && reason != "" {
			return hint{field, advice}
		}
	}
	return hint{}
}
