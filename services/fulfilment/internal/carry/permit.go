package carry

import (
	"context"
	"errors"
	"fmt"
	"time"

	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
)

// reconsider asks retention again about what is there now and would be erased:
// since the manifest, rows may have come and rules may have changed. What must be
// kept is recorded, and where a second person approves so is what they have not
// counted; the work begins again with that.
func (x *erasure) reconsider(ctx context.Context) (changed bool, err error) {
	sc := scope{version: x.version, located: true}
	leaves := make([]request.Planned, len(x.leaves))
	var asked []int
	var ask []request.Planned
	for i, l := range x.leaves {
		leaves[i] = l.Planned
		if f := x.rowsOf(l); l.Decision == request.Erase && !l.Ended() && f.Rows > 0 {
			leaves[i].Rows = f.Rows
			asked, ask, sc.found = append(asked, i), append(ask, leaves[i]), append(sc.found, f)
		}
	}
	if _, err := x.evaluate(ctx, sc, ask, x.cfg.Now()); err != nil {
		return false, err
	}
	for k, p := range ask {
		changed = changed || p.Decision == request.Keep || x.s.Uncounted(x.leaves[asked[k]], p, string(sc.found[k].Digest[:]))
		leaves[asked[k]] = p
	}
	if !changed {
		return false, nil
	}
	return true, x.step(ctx, "keep", request.DecideLeaves{System: x.name, Leaves: leaves, At: x.cfg.Now()})
}

// giveBack ends a permit that nobody will use, because the request was withdrawn or taken back
// in between. In any other case the one who was faster may hold the same permit.
func (x *erasure) giveBack(ctx context.Context, permit string, why error) error {
	if !errors.Is(why, request.ErrOutOfStep) {
		return nil
	}
	s, _, err := x.cfg.Requests.Load(ctx, x.agg, es.Leader)
	if err != nil {
		return fmt.Errorf("load request: %w", err)
	}
	if !s.Withdrawn && s.Unverified == "" {
		return nil
	}
	return x.end(ctx, permit, 0)
}

// endFormer gives back the permit of a try that was cut off. What it destroyed
// is the difference between what it had found and what is there now.
func (x *erasure) endFormer(ctx context.Context) error {
	former := x.s.SystemOf(x.name).Permit
	if former == "" {
		return nil
	}
	destroyed := uint64(0)
	for _, l := range x.leaves {
		if now := x.rowsOf(l).Rows; l.Decision == request.Erase && l.RowsFound > now {
			destroyed += l.RowsFound - now
		}
	}
	return x.end(ctx, former, destroyed)
}

// end gives a permit back, whatever becomes of the caller: a hold waits for it.
func (j *journey) end(ctx context.Context, permit string, rows uint64) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, err := j.cfg.Peers.Retention.EndPermit(ctx, &retentionv1.EndPermitRequest{
		RequestId: j.id("end-permit/"+permit, 1), SubjectRef: j.s.SubjectRef, Permit: permit, RowsDestroyed: rows,
	})
	if err != nil && !noPermit(err) {
		return fmt.Errorf("end permit: %w", err)
	}
	return nil
}
