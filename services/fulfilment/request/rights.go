package request

import (
	"strconv"
	"time"
)

// Shows reports whether the answer to a right is a package that shows something of
// the person, and changes nothing.
func (r Right) Shows() bool { return r == Access || r.Lists() }

// Lists reports whether the answer to a right is a list from the register of
// disclosures: no other system is asked.
func (r Right) Lists() bool { return r == DisclosureList || r == Accounting }

// Topic sets requests of one person for one right apart; empty where they all ask
// for the same. A list of disclosures is that of a policy and a year, and is made
// once (Cal. Civ. Code 1798.83(c)(1)).
func (s Request) Topic() string {
	if s.Right == DisclosureList {
		return s.Terms.Policy + "/" + strconv.Itoa(int(s.Terms.Year))
	}
	return ""
}

// PackageUntil is until when a package can be fetched that is made at a moment and
// would otherwise be kept for so long. A list of disclosures answers whoever asks
// again in that year, and stays until it is over.
func (s Request) PackageUntil(at time.Time, life time.Duration) time.Time {
	if until := at.Add(life); until.After(s.Terms.AnswersUntil) {
		return until
	}
	return s.Terms.AnswersUntil
}
