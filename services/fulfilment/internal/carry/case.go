package carry

import (
	"context"
	"fmt"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/request"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// approval asks whether the tenant wants a second person's word before anything is
// destroyed. Without an answer there is no manifest.
func (j *journey) approval(ctx context.Context) (bool, error) {
	if j.s.Right != request.Erasure || j.s.Partial() { // what the policy itself ends nobody decides
		return false, nil
	}
	got, err := j.cfg.Peers.Settings.GetSettings(ctx, &identityv1.GetSettingsRequest{})
	if err != nil {
		return false, fmt.Errorf("get settings: %w", err)
	}
	return got.GetSettings().GetApproval(), nil
}

// need tells identity of the next need that somebody has for the case, or that it
// is over.
func (j *journey) need(ctx context.Context) error {
	n, owed := j.s.NeedOwed(j.cfg.Now())
	if !owed {
		return nil
	}
	if n.Ends {
		return j.endNeed(ctx, n.Staff)
	}
	until := j.cfg.Now().Add(request.NeedLasts)
	_, err := j.cfg.Peers.Staff.GrantNeed(ctx, &identityv1.GrantNeedRequest{
		RequestId: j.id("grant-need/"+n.Staff, j.s.Events), Actor: n.Staff,
		Need: &identityv1.Need{CaseId: j.agg.ID, SubjectRef: j.s.SubjectRef, Until: timestamppb.New(until)},
	})
	if err != nil {
		return fmt.Errorf("grant need: %w", err)
	}
	if err := j.point(PointNeedGranted); err != nil {
		return err
	}
	return j.note(ctx, request.StepNeed, request.NoteNeed{Staff: n.Staff, Until: until, At: j.cfg.Now()})
}

func (j *journey) endNeed(ctx context.Context, staff string) error {
	_, err := j.cfg.Peers.Staff.EndNeed(ctx, &identityv1.EndNeedRequest{
		RequestId: j.id("end-need/"+staff, j.s.Events), Actor: staff, Need: &identityv1.Need{CaseId: j.agg.ID},
	})
	if err != nil {
		return fmt.Errorf("end need: %w", err)
	}
	if err := j.point(PointNeedEnded); err != nil {
		return err
	}
	return j.note(ctx, request.StepNeed, request.NoteNeedEnded{Staff: staff, At: j.cfg.Now()})
}

// review evaluates a manifest anew that was not approved: what was to be erased may
// turn out to be kept. Systems that could not be asked yet are asked besides.
func (j *journey) review(ctx context.Context) error {
	for _, y := range j.s.Systems {
		if !j.decided(y.Name) {
			continue
		}
		if err := j.locate(ctx, y.Name); err != nil {
			return err
		}
	}
	return j.note(ctx, request.StepReview, request.NoteReview{At: j.cfg.Now()})
}

// decided reports whether something of a system is still to be erased.
func (j *journey) decided(name string) bool {
	for _, l := range j.s.LeavesOf(name) {
		if l.Decision == request.Erase && !l.Ended() {
			return true
		}
	}
	return false
}
