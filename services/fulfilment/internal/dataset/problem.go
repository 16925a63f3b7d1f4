package dataset

import (
	"fmt"
	"strings"
)

// Reason says in a closed vocabulary what is wrong with a description.
type Reason string

// Reasons why a description is refused, or remarked upon.
const (
	TooLarge           Reason = "DATASET_TOO_LARGE"
	NotYAML            Reason = "DATASET_NOT_YAML"
	Anchor             Reason = "DATASET_ANCHOR"
	WrongShape         Reason = "DATASET_WRONG_SHAPE"
	UnknownKey         Reason = "DATASET_UNKNOWN_KEY"
	Missing            Reason = "DATASET_MISSING_KEY"
	Duplicate          Reason = "DATASET_DUPLICATE"
	BadName            Reason = "DATASET_BAD_NAME"
	BadValue           Reason = "DATASET_BAD_VALUE"
	Nested             Reason = "DATASET_NESTED_FIELDS"
	NoReferent         Reason = "DATASET_REFERENCE_TO_NOTHING"
	Cycle              Reason = "DATASET_CYCLE"
	NoIdentity         Reason = "DATASET_NO_IDENTITY"
	Unreachable        Reason = "DATASET_UNREACHABLE"
	Linkable           Reason = "DATASET_LINKABLE_MASK"
	SharedIdentity     Reason = "DATASET_IDENTITY_IN_SHARED"
	AnalyticsJoined    Reason = "DATASET_ANALYTICS_JOINED"
	ElsewhereReference Reason = "DATASET_REFERENCE_ELSEWHERE" // a remark
	Unused             Reason = "DATASET_UNUSED"              // a remark
)

// Problem is one thing that is wrong, and where. It holds names of the
// description and no other value of it.
type Problem struct {
	Path   string
	Line   int // 0 when it has none
	Reason Reason
}

// String is fit for a person who wrote the description.
func (p Problem) String() string {
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s", p.Path, p.Reason)
	}
	return fmt.Sprintf("line %d: %s: %s", p.Line, p.Path, p.Reason)
}

// Problems is everything that is wrong with a description.
type Problems []Problem

// Error lists the problems.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return "dataset: " + strings.Join(lines, "; ")
}
