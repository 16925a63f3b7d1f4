package schedule

import (
	"slices"
	"time"
)

// Evolve folds one event into the state.
func Evolve(s Schedule, ev Event) Schedule {
	switch e := ev.(type) {
	case Replaced:
		s.Policy, s.Versions = e.Policy, append(s.Versions[:len(s.Versions):len(s.Versions)], e.Version)
	case PolicyListed:
		s.Policies = append(slices.Clip(s.Policies), e.Policy)
	case ReplacementRefused:
	}
	return s
}

// InForce is the version that decides at a moment: of those whose time has
// come, the one of the newest policy version, and of its the last.
func (s Schedule) InForce(at time.Time) (Version, error) {
	var best Version
	for _, v := range s.Versions {
		if !v.From.After(at) && v.PolicyVersion >= best.PolicyVersion {
			best = v
		}
	}
	if best.Number == 0 {
		return Version{}, ErrNoSchedule
	}
	return best, nil
}

// Version is the version of a number.
func (s Schedule) Version(number uint32) (Version, error) {
	if number < 1 || uint64(number) > uint64(len(s.Versions)) {
		return Version{}, ErrNoSchedule
	}
	return s.Versions[number-1], nil
}
