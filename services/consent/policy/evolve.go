package policy

import "slices"

// Evolve folds one event into the state. It never changes a state that
// somebody else may hold.
func Evolve(s Policy, ev Event) Policy {
	switch e := ev.(type) {
	case Published:
		s.Versions = append(slices.Clip(s.Versions), Version{
			Number: e.Version, Document: e.Document, Hash: e.Hash, TextHash: e.TextHash,
			Effective: e.Effective, PublishedAt: e.Recorded, Notice: e.Notice,
		})
	case PublishingRefused:
	case Posted:
		s.Versions = slices.Clone(s.Versions)
		for i := range s.Versions {
			if s.Versions[i].Number == e.Version {
				s.Versions[i].PostedAt, s.Versions[i].Posted = e.PostedAt, e.Recorded
			}
		}
	case PostingRefused:
	}
	return s
}
