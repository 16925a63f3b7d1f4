package carry

import (
	"context"
	"errors"
	"fmt"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/fulfilment/notice"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/personal"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/seal"
)

// tell records that the recipients were told. No recipient is registered for a
// person yet, and the event says so by its number.
func (j *journey) tell(ctx context.Context) error {
	return j.note(ctx, request.StepTell, request.TellRecipients{})
}

// destroyTimeout is as long as the fence may take.
const destroyTimeout = 60 * time.Second

// forget ends what identity knows of the person, under a permit as anything that
// destroys: a hold keeps that too. What is retained lies in the systems under its
// own ground and does not need it.
// Where an access goes first it waits. What a try that was cut off has ended
// already is noted without a permit: nothing is left that one could allow.
func (j *journey) forget(ctx context.Context) error {
	known, err := j.cfg.Peers.Subjects.GetSubject(ctx, &identityv1.GetSubjectRequest{SubjectRef: j.s.SubjectRef})
	switch {
	case gone(err), known.GetState() == identityv1.SubjectState_SUBJECT_STATE_FORGOTTEN:
		if err := j.endPackages(ctx); err != nil {
			return err
		}
		got, err := j.forgetSubject(ctx) // the answer that was lost
		if err != nil {
			return err
		}
		return j.forgotten(ctx, got)
	case err != nil:
		return fmt.Errorf("get subject: %w", err)
	}
	if err := j.vouched(ctx); err != nil {
		return err
	}
	permit, err := j.cfg.Peers.Retention.RequestPermit(ctx, &retentionv1.RequestPermitRequest{
		RequestId: j.id("permit-to-forget", 1), SubjectRef: j.s.SubjectRef, Request: j.agg.ID, System: identitySystem,
	})
	if answered(err) == request.OnHold {
		return j.record(ctx, j.agg, j.s, "defer-forget", request.DeferLeaves{
			System: request.OwnSystem, Reason: request.OnHold, At: j.cfg.Now(),
		})
	}
	if err != nil {
		return fmt.Errorf("request permit: %w", err)
	}
	if err := j.claim(ctx); err != nil {
		return errors.Join(err, j.end(ctx, permit.GetPermit(), 0))
	}
	got, err := j.forgetUnder(ctx, permit)
	var crash crashed
	if errors.As(err, &crash) {
		return err
	}
	if err := errors.Join(err, j.end(ctx, permit.GetPermit(), uint64(got.GetKeysDestroyed()))); err != nil {
		return err
	}
	return j.forgotten(ctx, got)
}

func (j *journey) forgotten(ctx context.Context, got *identityv1.ForgetSubjectResponse) error {
	return j.note(ctx, request.StepForget, request.NoteForgotten{
		KeysDestroyed: got.GetKeysDestroyed(), ResidueEndsAt: eventpb.Moment(got.GetResidueEndsAt()),
	})
}

// identitySystem is what a permit to forget a person is for.
const identitySystem = "identity"

// forgetUnder does what needs the permit, while it lasts.
func (j *journey) forgetUnder(ctx context.Context, permit *retentionv1.RequestPermitResponse) (*identityv1.ForgetSubjectResponse, error) {
	left := permit.GetExpiresAt().AsTime().Sub(j.cfg.Now())
	if left < permitMargin {
		return nil, failPermitShort
	}
	ctx, cancel := context.WithTimeout(ctx, min(destroyTimeout, left-permitReserve))
	defer cancel()
	if _, err := j.search(ctx); err != nil {
		return nil, err
	}
	if err := j.approved(ctx); err != nil {
		return nil, err
	}
	if err := j.endPackages(ctx); err != nil {
		return nil, err
	}
	if err := j.suppressOwn(ctx); err != nil {
		return nil, err
	}
	got, err := j.forgetSubject(ctx)
	if err != nil {
		return nil, err
	}
	return got, j.point(PointForgotten)
}

func (j *journey) forgetSubject(ctx context.Context) (*identityv1.ForgetSubjectResponse, error) {
	got, err := j.cfg.Peers.Subjects.ForgetSubject(ctx, &identityv1.ForgetSubjectRequest{
		RequestId: j.id("forget", 1), SubjectRef: j.s.SubjectRef, Request: j.agg.ID,
	})
	if err != nil && !gone(err) {
		return nil, fmt.Errorf("forget subject: %w", err)
	}
	return got, nil
}

const (
	// ownColumn with a kind is where identity's own identifiers are remembered.
	ownColumn = "identifier."
	// ownDays is how long they are remembered at least.
	ownDays = 30
)

// suppressOwn has identity remember by what it knew the person itself, until no
// backup of a system in the manifest can bring them back. Who registers again is
// then known to have been erased before.
func (j *journey) suppressOwn(ctx context.Context) error {
	known, err := j.cfg.Peers.Subjects.ListIdentifiers(client.WithPurpose(ctx, purpose), &identityv1.ListIdentifiersRequest{SubjectRef: j.s.SubjectRef})
	if gone(err) {
		return nil // somebody else has ended it; there is nothing to remember any more
	}
	if err != nil {
		return fmt.Errorf("list identifiers: %w", err)
	}
	var values []*identityv1.SuppressedValue
	for _, id := range known.GetIdentifiers() {
		values = append(values, &identityv1.SuppressedValue{
			System: request.OwnSystem, Column: ownColumn + plain(id).Kind, Value: id.GetValue(),
		})
	}
	if err := j.keepRefusals(ctx, known.GetIdentifiers()); err != nil {
		return err
	}
	days := ownDays
	for _, y := range j.s.Systems {
		v, err := j.version(ctx, y.Name, j.s.LeavesOf(y.Name)[0].Version)
		if err != nil {
			return err
		}
		days = max(days, int(v.BackupDays))
	}
	until, lasts := lasting(j.s.OwnUntil, j.cfg.Now(), days)
	ref, err := j.remember(ctx, values, until)
	if err != nil || lasts {
		return err
	}
	err = j.record(ctx, j.agg, j.s, "suppress-own", request.NoteSuppression{
		System: request.OwnSystem, ErasureRef: ref, Values: uint32(len(values)), Until: until,
	})
	if err != nil {
		return err
	}
	return j.point(PointOwnSuppressed)
}

// keepRefusals has identity remember which periodic messages the person has refused,
// by what they are known by: nobody writes to them again because they are forgotten.
func (j *journey) keepRefusals(ctx context.Context, known []*identityv1.Identifier) error {
	if len(known) == 0 {
		return nil
	}
	got, err := j.cfg.Peers.Consent.ListRefusals(ctx, &consentv1.ListRefusalsRequest{SubjectRef: j.s.SubjectRef})
	if err != nil {
		return fmt.Errorf("list refusals: %w", err)
	}
	_, err = j.cfg.Peers.Suppression.KeepRefusals(ctx, &identityv1.KeepRefusalsRequest{
		Identifiers: known, Refusals: got.GetRefusals(), Until: got.GetUntil(),
	})
	if err != nil {
		return fmt.Errorf("keep refusals: %w", err)
	}
	return nil
}

// unfreeze tells consent how the request has ended: the person is erased, or
// free again.
func (j *journey) unfreeze(ctx context.Context) error {
	fact := consentv1.Fact_FACT_UNRESTRICTED
	if j.s.Forgotten {
		fact = consentv1.Fact_FACT_ERASED
	}
	_, err := j.cfg.Peers.Consent.ApplyFact(ctx, &consentv1.ApplyFactRequest{
		RequestId: j.id("unfreeze", j.round()), SubjectRef: j.s.SubjectRef, Fact: fact, Cause: j.agg.ID,
	})
	if err != nil {
		return fmt.Errorf("end restriction: %w", err)
	}
	if !j.s.Forgotten {
		if err := j.fix(ctx, "release-identifiers", true); err != nil {
			return err
		}
	}
	if err := j.point(PointUnfrozen); err != nil {
		return err
	}
	return j.note(ctx, request.StepUnfreeze, request.EndRestriction{Erased: j.s.Forgotten})
}

func (j *journey) notify(ctx context.Context) error {
	address := personal.Text{}
	switch {
	case !j.s.Assured():
		var err error
		if address, err = j.channel(ctx); err != nil {
			return err
		}
	case j.s.Contact.Box() != nil:
		text, err := eventpb.Open(ctx, j.cfg.Opener, purpose, j.agg, j.s.Contact)
		if err != nil {
			return fmt.Errorf("open contact: %w", err)
		}
		address = personal.Clear(text)
	}
	return j.owe(ctx, j.s.Conclusion(), address)
}

// NoticeOf is a request's notice of a template.
func NoticeOf(tenant, requestID, template string) es.Aggregate {
	return es.Aggregate{
		Context: Context, Tenant: tenant, Type: notice.AggregateType, ID: es.DeriveID(tenant, "notice/"+template, requestID),
	}
}

// owe drafts a message and records that it is owed. It is drafted first: a
// message that is owed and that nobody drafts would be waited for forever.
func (j *journey) owe(ctx context.Context, template string, address personal.Text) error {
	agg := NoticeOf(j.agg.Tenant, j.agg.ID, template)
	text, known := address.Reveal()
	known = known && text != ""
	if known {
		_, err := j.cfg.Notices.Handle(ctx, agg, es.Command[notice.Command]{
			ID: es.StepID(agg, "draft", 1), At: j.cfg.Now(), Meta: es.Meta{Correlation: j.agg.ID},
			Data: notice.Draft{Request: j.agg.ID, Template: template, Address: address, At: j.cfg.Now()},
		})
		if err != nil {
			return fmt.Errorf("draft notice: %w", err)
		}
		if err := j.point(PointDrafted); err != nil {
			return err
		}
	}
	return j.record(ctx, j.agg, j.s, "owe/"+template, request.OweNotice{Notice: agg.ID, Template: template, Unaddressed: !known})
}

func (j *journey) close(ctx context.Context) error {
	return j.note(ctx, request.StepClose, request.Close{At: j.cfg.Now()})
}

// destroy ends keys of the request, all in one step, and says when the last copy
// ends.
func (j *journey) destroy(ctx context.Context, step, reason string, classes ...sealv1.KeyClass) (time.Time, error) {
	holder, err := seal.NewHolder(seal.Request, j.agg.ID)
	if err != nil {
		return time.Time{}, fmt.Errorf("name holder: %w", err)
	}
	var keys []*identityv1.KeyName
	for _, class := range classes {
		keys = append(keys, &identityv1.KeyName{Holder: holder.String(), Class: class})
	}
	ctx, cancel := context.WithTimeout(ctx, destroyTimeout)
	defer cancel()
	got, err := j.cfg.Peers.Keys.DestroyKeys(ctx, &identityv1.DestroyKeysRequest{
		RequestId: j.id(step, 1), Reason: reason, Keys: keys,
	})
	if err != nil && !gone(err) {
		return time.Time{}, fmt.Errorf("destroy key: %w", err)
	}
	return eventpb.Moment(got.GetResidueEndsAt()), nil
}

// destroyKey ends what the request said about its requester, and the codes that
// identity sealed to verify them.
func (j *journey) destroyKey(ctx context.Context) error {
	classes := []sealv1.KeyClass{sealv1.KeyClass_KEY_CLASS_REQUEST, sealv1.KeyClass_KEY_CLASS_EVIDENCE}
	if j.s.Package.Name == "" || j.s.Package.Expired { // nobody comes back for anything
		classes = append(classes, sealv1.KeyClass_KEY_CLASS_PACKAGE)
	}
	ends, err := j.destroy(ctx, "destroy-request-keys", "request-closed", classes...)
	if err != nil {
		return err
	}
	if err := j.point(PointKeyDestroyed); err != nil {
		return err
	}
	return j.note(ctx, request.StepDestroyKey, request.DestroyKey{ResidueEndsAt: ends})
}

// expire ends a package: the key first, so that what a copy of the store still
// holds is unreadable, then its bytes.
func (j *journey) expire(ctx context.Context) error {
	ends, err := j.destroy(ctx, "destroy-package-key", "package-expired", sealv1.KeyClass_KEY_CLASS_PACKAGE)
	if err != nil {
		return err
	}
	if err := j.cfg.Packages.Delete(ctx, j.agg.Tenant, j.s.Package.Name); err != nil {
		return err
	}
	if err := j.point(PointPackageExpired); err != nil {
		return err
	}
	return j.note(ctx, request.StepExpire, request.ExpirePackage{ResidueEndsAt: ends})
}

func (j *journey) finish(ctx context.Context) error {
	return j.note(ctx, request.StepFinish, request.Finish{})
}
