package policy

// Decide returns the events that cmd causes. What is in place already causes
// none.
func Decide(s Policy, cmd Command) ([]Event, error) {
	switch c := cmd.(type) {
	case Publish:
		return publish(s, c)
	case Post:
		return post(s, c)
	}
	return nil, errUnknown
}

func publish(s Policy, c Publish) ([]Event, error) {
	next := uint32(len(s.Versions)) + 1
	switch {
	case c.Version == next:
		return []Event{Published{
			Policy: c.Policy, Version: c.Version, Document: c.Document, Hash: c.Hash, TextHash: c.TextHash,
			Effective: c.Effective, Reduces: c.Reduces, Notice: c.Notice, Recorded: c.At,
		}}, nil
	case c.Version >= 1 && c.Version < next && s.Versions[c.Version-1].Hash == c.Hash:
		return nil, nil
	case c.Version < next:
		return refusePublishing(s, c, ErrVersionExists)
	}
	return refusePublishing(s, c, ErrVersionGap)
}

// refusePublishing records the refusal on a policy that exists; a refusal makes
// none.
func refusePublishing(s Policy, c Publish, r Refusal) ([]Event, error) {
	if len(s.Versions) == 0 {
		return nil, r
	}
	return []Event{PublishingRefused{Version: c.Version, Reason: r.Reason()}}, r
}

func post(s Policy, c Post) ([]Event, error) {
	if c.Version < 1 || int64(c.Version) > int64(len(s.Versions)) {
		return nil, ErrNoVersion
	}
	if c.PostedAt.After(c.At) {
		return nil, ErrInFuture
	}
	v := s.Versions[c.Version-1]
	refuse := func(r Refusal) ([]Event, error) {
		return []Event{PostingRefused{Version: c.Version, Reason: r.Reason()}}, r
	}
	switch {
	case v.TextHash != c.TextHash:
		return refuse(ErrOtherText)
	case v.PostedAt.Equal(c.PostedAt) && !v.PostedAt.IsZero():
		return nil, nil
	case !v.PostedAt.IsZero():
		return refuse(ErrPostedBefore)
	case c.Version > 1 && !postedBefore(s.Versions[c.Version-2], c):
		return refuse(ErrOrder)
	case v.Notice && c.Notice == "":
		return refuse(ErrNotice)
	case c.Outside != "":
		return refuse(elsewhere(c.Outside))
	}
	return []Event{Posted{
		Policy: c.Policy, Version: c.Version, TextHash: c.TextHash, PostedAt: c.PostedAt, Notice: c.Notice, Recorded: c.At,
	}}, nil
}

// elsewhere names the store in the reason.
func elsewhere(store string) Refusal {
	switch store {
	case "log":
		return ErrLogElsewhere
	case "vault":
		return ErrVaultElsewhere
	case "kms":
		return ErrKMSElsewhere
	case "read-models":
		return ErrReadModelsElsewhere
	case "packages":
		return ErrPackagesElsewhere
	case "backup":
		return ErrBackupElsewhere
	}
	return ErrStoreElsewhere
}

func postedBefore(earlier Version, c Post) bool {
	return !earlier.PostedAt.IsZero() && c.PostedAt.After(earlier.PostedAt)
}
