package wire_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/fulfilment/catalogue"
	"habeas.internal/services/fulfilment/controllers"
	"habeas.internal/services/fulfilment/docket"
	"habeas.internal/services/fulfilment/internal/wire"
	"habeas.internal/services/fulfilment/notice"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/fulfilment/system"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/personal"
	"habeas.internal/services/internal/seal"
)

// fixed seals with one key and one nonce, so that a sample is the same each
// time it is made.
type fixed struct{}

func (fixed) Seal(_ context.Context, _ string, id seal.KeyID, f seal.Field, plaintext []byte) (*sealv1.Sealed, error) {
	key, err := seal.NewKey(id, 1, bytes.Repeat([]byte{0x33}, seal.KeySize))
	if err != nil {
		return nil, err
	}
	return key.Seal(f, bytes.NewReader(make([]byte, 64)), plaintext)
}

const id = "aaaaaaaaaaaaaaaaaaaaaaaaaa"

func corpus[E any](t *testing.T, aggregate string, codec eventpb.Codec[E], err error, newest []E) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	agg := es.Aggregate{Context: "fulfilment", Tenant: "t1", Type: aggregate, ID: id}
	encode := func(e E) (es.Event, error) {
		return codec.Encode(fixed{})(context.Background(), agg, es.EventID(id, 0), e)
	}
	estest.Corpus(t, "testdata/"+aggregate, codec.Registry(), encode, newest)
}

func at() time.Time { return time.Unix(1790000000, 0).UTC() }

func TestTheEventsOfSystemsStayReadable(t *testing.T) {
	codec, err := wire.Systems()
	corpus(t, system.AggregateType, codec, err, []system.Event{
		system.Registered{Version: system.Version{
			Description: system.Description{
				System: "shop", Connector: 3, Connection: "shop-db", Region: "us", BackupDays: 30, Dataset: "dataset: []\n", Collections: 4, Owner: "shop-team",
			},
			Number: 2, RegisteredAt: at(),
		}, Remarks: []string{"customer.note"}},
		system.Retired{At: at()},
	})
	codec2, err := wire.Catalogues()
	corpus(t, catalogue.AggregateType, codec2, err, []catalogue.Event{
		catalogue.Listed{System: "shop", Version: 2, Connector: 3, Region: "us", Collections: 4},
		catalogue.Delisted{System: "shop"},
	})
}

func TestTheEventsOfControllersStayReadable(t *testing.T) {
	codec, err := wire.Controllers()
	corpus(t, controllers.AggregateType, codec, err, []controllers.Event{
		controllers.Registered{Controller: "acme", Title: "Acme", Contact: "privacy@acme.example", Staff: []string{id}, By: id, At: at()},
		controllers.Ended{Controller: "acme", Reason: "contract_ended", By: id, At: at()},
		controllers.CommandRefused{Command: "end", Reason: "CONTROLLER_NOT_FOUND"},
	})
}

func TestTheEventsOfDocketsStayReadable(t *testing.T) {
	codec, err := wire.Dockets()
	corpus(t, docket.AggregateType, codec, err, []docket.Event{
		docket.Entered{Request: id, Right: docket.Erasure, Place: docket.Behind, Behind: id, Partial: true},
		docket.AgentRevoked{Agent: "ACME", At: at()},
		docket.Begun{Request: id},
		docket.Yielded{Request: id, To: id},
		docket.Promoted{Request: id},
		docket.Answered{Request: id, With: id},
		docket.Left{Request: id, Fulfilled: true},
	})
}

func TestTheEventsOfNoticesStayReadable(t *testing.T) {
	codec, err := wire.Notices()
	corpus(t, notice.AggregateType, codec, err, []notice.Event{
		notice.Drafted{Request: id, Template: "erased", Address: personal.Clear("jane@example.com"), At: at()},
		notice.Attempted{Attempt: 3, MessageID: id, At: at()},
		notice.Sent{Reply: 250, At: at()},
		notice.Failed{Reason: "SMTP_REFUSED", Reply: 550, NextTryAt: at(), At: at()},
	})
}

func TestTheEventsOfRequestsStayReadable(t *testing.T) {
	codec, err := wire.Requests()
	planned := []request.Planned{{
		Leaf: 1, System: "shop", Version: 2, Collection: "invoice", Category: "user.financial", Decision: request.Keep, Rows: 7,
		Ground: "legal_obligation.tax", Authority: "26 CFR 1.6001-1", Until: at(), Rule: "tax",
	}}
	corpus(t, request.AggregateType, codec, err, append(append(staffed(), instructed()...), []request.Event{
		request.Submitted{
			Right: request.Erasure, Kind: 1, Identifier: personal.Clear("jane@example.com"), Channel: "web",
			Terms: request.Terms{
				Policy: "shop", PolicyVersion: 3, Pack: "gdpr@1", PackHash: "00ff", Rule: "P1M", Calendar: "us",
				Zone: "America/New_York", DueAt: at(), AcknowledgeBy: at(),
			},
			Submitter: id, SubmitterKey: personal.Clear("k"), TakenBy: id, ReceivedAt: at(), At: at(),
		},
		request.NoticeOwed{Notice: id, Template: "erased"},
		request.NoticeEnded{Notice: id, Sent: true, Reason: "NO_ADDRESS"},
		request.VerificationStarted{Verification: id, ExpiresAt: at(), At: at()},
		request.Verified{SubjectRef: id, Level: 2, By: id, At: at()},
		request.VerificationExtended{ExpiresAt: at(), At: at()},
		request.DelayBegun{Until: at(), Code: personal.Clear("abcd"), Channels: 2, Phones: 1, Addresses: personal.Clear("jane@example.com\n+493011111111"), Unreached: []string{"phone"}, At: at()},
		request.Cancelled{Reason: "NOT_ME", At: at()},
		request.Renewed{At: at()},
		request.VerificationFailed{Reason: "VERIFICATION_FAILED", At: at()},
		request.Queued{Behind: id, SameRight: true, At: at()},
		request.Yielded{To: id, At: at()},
		request.Activated{At: at()},
		request.ContactNoted{Address: personal.Clear("jane@example.com")},
		request.Frozen{At: at()},
		request.ManifestCommitted{Leaves: planned, Schedule: 2, Approval: true, Sought: "d", DigestKey: personal.Clear("k"), At: at()},
		request.LeavesDecided{System: "shop", Leaves: planned, At: at()},
		request.LeavesStarted{
			System: "shop", Attempt: 2, Permit: id, PermitAt: at(),
			Leaves: []request.Found{{Leaf: 1, Rows: 7, Digest: []byte{1, 2}}}, At: at(),
		},
		request.ValuesSuppressed{System: "shop", ErasureRef: id, Values: 3, Until: at()},
		request.ChangesAnnounced{System: "shop", Attempt: 2, Leaves: []request.Done{{
			Leaf: 1, Deleted: 1, Masked: 2, Shared: 3, Kept: 4, Described: true,
		}}, At: at()},
		request.LeavesCompleted{System: "shop", Leaves: []request.Ended{{
			Done: request.Done{Leaf: 1, Deleted: 1, Masked: 2, Shared: 3, Collected: 4, Kept: 5}, Outcome: request.Retained,
			Because: request.Because{Reason: request.KeptByDescription, Authority: "system description", Until: at()},
		}}, At: at()},
		request.StepFailed{Step: request.StepErase, System: "shop", In: "crm", Category: "user", Failures: 2, Reason: "SYSTEM_UNREACHABLE", NextTryAt: at(), At: at()},
		request.LeavesDeferred{System: "shop", Reason: "PERSON_ON_HOLD", NextTryAt: at(), At: at()},
		request.Resumed{Cause: "retry", At: at()},
		request.PackageBegun{Package: id, Refs: []string{id}},
		request.PackageRevoked{Reason: request.PackageErased, At: at()},
		request.PackageReady{Package: id, Size: 9, ExpiresAt: at()},
		request.PackageRead{Purpose: "case-handling", Roles: "agent", Reader: id, At: at()},
		request.PackageExpired{Package: id, ResidueEndsAt: at()},
		request.RecipientsTold{Recipients: 1},
		request.SubjectForgotten{KeysDestroyed: 1, ResidueEndsAt: at()},
		request.RestrictionEnded{Erased: true},
		request.Withdrawn{At: at()},
		request.Closed{Outcome: request.Duplicate, DuplicateOf: id, At: at()},
		request.DocketLeft{},
		request.KeyDestroyed{ResidueEndsAt: at()},
		request.Finished{},
		request.CommandRefused{Command: "withdraw", Reason: "REQUEST_CLOSED"},
	}...))
}

// instructed are the events of a controller's word, and of rejections.
func instructed() []request.Event {
	return []request.Event{
		request.ControllerNamed{Controller: "acme", By: id, At: at()},
		request.InstructionAsked{Controller: "acme", DueAt: at(), Reminders: []time.Time{at()}, At: at()},
		request.InstructionGiven{Controller: "acme", By: id, At: at()},
		request.Rejected{
			Ground: "legal_claims", Clause: "CW-16", DPV: []string{"eu-gdpr:JustificationA17LegalClaims"}, Rules: []string{"gdpr@2026.1: Art. 17(3)(e)"},
			Leaves: []uint32{1}, Evidence: "e-1", Text: "claims", Statement: personal.Clear("a dispute is open"), Complaints: "privacy@acme.example",
			Authority: "the authority", Controller: "acme", By: id, ReviewAt: at(), At: at(),
		},
		request.ReopenProposed{Reason: "complaint_upheld", By: id, At: at()},
		request.Reopened{Reason: "complaint_upheld", By: id, ProposedBy: id, At: at()},
	}
}

// staffed are the events of who does what for a request, and of what it is about.
func staffed() []request.Event {
	return []request.Event{
		request.ScopeSet{Limbs: []request.Limb{{Category: "contacts", System: "shop"}}},
		request.RemainderStated{SubjectRef: id, Policy: "shop", Forgotten: true, Parts: []request.Remainder{{
			System: "shop", Category: "user", Because: request.Because{Reason: "legal_obligation.tax", Authority: "26 CFR 1.6001-1", Until: at()},
		}}},
		request.Assigned{Duty: request.Verifier, Staff: id, By: id, At: at()},
		request.Unassigned{Duty: request.Fulfiller, Staff: id, By: id, At: at()},
		request.NeedGranted{Staff: id, Until: at(), At: at()},
		request.NeedEnded{Staff: id, At: at()},
		request.Approved{Digest: "00ff", By: id, At: at()},
		request.Declined{Reason: "MUST_BE_KEPT", By: id, At: at()},
		request.Reviewed{At: at()},
		request.ManifestOutdated{Sought: "d", At: at()},
	}
}
