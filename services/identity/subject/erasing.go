package subject

import "maps"

// Under reports whether a person may be under a policy: they are under that by
// which they registered, or perhaps under any if that was not said.
func (s Subject) Under(policy string) bool { return s.Policy == "" || s.Policy == policy }

// Erases reports whether a request is the system's own for the erasure of the
// person whom these references name. One of them has it, and of no other is it
// known as surely that a policy serves them: who is shown to be an adult is not
// erased because they were joined with a child. What has begun is carried out.
func Erases(request string, refs ...Subject) bool {
	for _, s := range refs {
		if request != "" && s.asks(request) {
			return !s.contradicted(request, refs)
		}
	}
	return false
}

func (s Subject) contradicted(request string, refs []Subject) bool {
	for _, other := range refs {
		if other.Phase != Active && other.Ending.Request == request {
			return false
		}
	}
	for _, other := range refs {
		if sure := other.Age.Source.sure(); sure > 0 && sure >= s.Age.Source.sure() && !other.erased() {
			return true
		}
	}
	return false
}

// asks reports whether a block has a request.
func (s Subject) asks(request string) bool {
	for _, b := range s.Blocks {
		if b.Request == request {
			return true
		}
	}
	return false
}

// erased reports whether the system asks for the person's erasure.
func (s Subject) erased() bool {
	for _, b := range s.Blocks {
		if b.Request != "" {
			return true
		}
	}
	return false
}

// sure is how sure an age is that came to be known so.
func (a AgeSource) sure() int {
	switch a {
	case AgeDocumented:
		return 2
	case AgeStatedBy:
		return 1
	case AgeAlleged:
	}
	return 0
}

// askAnew forgets what the system has asked of somebody who was joined with
// another: it may have been given up because of them.
func (s Subject) askAnew() Subject {
	s.Blocks = maps.Clone(s.Blocks)
	for policy, b := range s.Blocks {
		s.Blocks[policy] = Block{Since: b.Since}
	}
	return s
}
