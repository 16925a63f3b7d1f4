package carry

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/request"
)

// sought is a digest of all that a person is looked for by, and of whose keys are
// destroyed in the end: under the key of the manifest, so that it tells nothing.
func (j *journey) sought(ctx context.Context, p connector.Person) (string, error) {
	refs, err := j.References(ctx, j.s.SubjectRef)
	if err != nil {
		return "", err
	}
	var all []string
	for _, ref := range refs {
		all = append(all, fmt.Sprintf("ref %q\n", ref))
	}
	for _, id := range p.Identifiers {
		all = append(all, fmt.Sprintf("id %q %q\n", id.Kind, id.Value))
	}
	slices.Sort(all)
	mac := hmac.New(sha256.New, p.Key)
	for _, one := range slices.Compact(all) {
		mac.Write([]byte(one))
	}
	return string(mac.Sum(nil)), nil
}

// outdated reports whether the person who would be erased is known by something else
// than the one whom a second person has approved of. Then that is recorded, and the
// manifest is evaluated anew and waits.
func (j *journey) outdated(ctx context.Context, p connector.Person) (bool, error) {
	if !j.s.Approval.Needed {
		return false, nil
	}
	now, err := j.sought(ctx, p)
	if err != nil || now == j.s.Approval.Sought {
		return false, err
	}
	return true, j.record(ctx, j.agg, j.s, "outdate", request.OutdateManifest{Sought: now, At: j.cfg.Now()})
}

// approved fails if whom identity would forget now is not whom a second person has
// approved of.
func (j *journey) approved(ctx context.Context) error {
	if !j.s.Approval.Needed {
		return nil
	}
	person, err := j.person(ctx)
	if errors.Is(err, failForgotten) { // somebody else has ended it
		return nil
	}
	if err != nil {
		return err
	}
	changed, err := j.outdated(ctx, person)
	if changed && err == nil {
		return request.ErrOutOfStep
	}
	return err
}
