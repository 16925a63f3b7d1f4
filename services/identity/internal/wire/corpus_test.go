package wire_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/identity/evidence"
	"habeas.internal/services/identity/internal/wire"
	"habeas.internal/services/identity/subject"
	"habeas.internal/services/identity/tenant"
	"habeas.internal/services/identity/verification"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/estest"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/personal"
	"habeas.internal/services/internal/seal"
)

// fixed seals with one key and one nonce, so that the sample is the same each
// time it is made.
type fixed struct{}

func (fixed) Seal(_ context.Context, _ string, id seal.KeyID, f seal.Field, plaintext []byte) (*sealv1.Sealed, error) {
	key, err := seal.NewKey(id, 1, bytes.Repeat([]byte{0x33}, seal.KeySize))
	if err != nil {
		return nil, err
	}
	return key.Seal(f, bytes.NewReader(make([]byte, 64)), plaintext)
}

const (
	ref   = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
	other = "ueeeeeeeeeeeeeeeeeeeeeeeee"
)

func corpus[E any](t *testing.T, kind string, codec eventpb.Codec[E], err error, newest []E) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	agg := es.Aggregate{Context: "identity", Tenant: "t1", Type: kind, ID: ref}
	encode := func(e E) (es.Event, error) {
		return codec.Encode(fixed{})(context.Background(), agg, es.EventID(agg.ID, 0), e)
	}
	estest.Corpus(t, "testdata/"+kind, codec.Registry(), encode, newest)
}

func TestTenantsEventsStayReadable(t *testing.T) {
	codec, err := wire.Tenant()
	corpus(t, tenant.AggregateType, codec, err, []tenant.Event{
		tenant.Created{Settings: tenant.Settings{DisplayName: "Acme", TimeZone: "Europe/Berlin", Calendar: "de"}, At: noon},
		tenant.CreationRefused{Reason: "TENANT_EXISTS"},
		tenant.SettingsChanged{
			Settings: tenant.Settings{DisplayName: "Acme", TimeZone: "Europe/Berlin", Calendar: "de"},
			Own:      tenant.Own{Approval: true, Kinds: []tenant.Kind{{Name: "card", Fold: true}}}, Revision: 1, At: noon,
		},
		tenant.SettingsHeld{
			Wanted: tenant.Change{
				Settings:   tenant.Settings{DisplayName: "Acme", TimeZone: "Europe/Berlin", Calendar: "de"},
				Own:        tenant.Own{Officers: "dpo@acme.example", Levels: tenant.Levels{Policies: []tenant.PolicyLevels{{Policy: "qcera", Erasure: 4}}}},
				Safeguards: tenant.Safeguards{Chosen: true, Delay: time.Hour},
			},
			Lowers: []string{"approval", "delay"}, By: "actor-1", At: noon, DueAt: noon.AddDate(0, 0, 1),
		},
		tenant.SettingsConfirmed{By: "actor-2", At: noon},
		tenant.SettingsWithdrawn{By: "actor-1", At: noon},
		tenant.SettingsRefused{Reason: "SETTINGS_REVISION"},
		tenant.OffboardingBegun{By: "actor-1", Reason: "contract_ended", At: noon, DueAt: noon.AddDate(0, 0, 30)},
		tenant.OffboardingApproved{By: "actor-2", At: noon, DueAt: noon.AddDate(0, 0, 30)},
		tenant.OffboardingCancelled{By: "actor-1", At: noon},
		tenant.DestructionDelayed{Standing: tenant.Standing{Holds: 1, Requests: 2}, At: noon},
		tenant.Closed{At: noon},
		tenant.DestructionBegun{At: noon, Counted: tenant.Counted{LookupRows: 2, SuppressionRows: 1}},
		tenant.Offboarded{Proof: tenant.Proof{
			Keys: 2, KeysBefore: 1, Digest: [32]byte{1, 2}, Peppers: 3, ResidueHorizon: noon.AddDate(0, 0, 8), At: noon,
			Partitions: []tenant.Partition{{Name: "7f", Epoch: 3, ResidueHorizon: noon.AddDate(0, 0, 8)}},
		}},
		tenant.OffboardingRefused{Reason: "HOLDS_STAND"},
	})
}

func TestSubjectsEventsStayReadable(t *testing.T) {
	codec, err := wire.Subject()
	corpus(t, subject.AggregateType, codec, err, []subject.Event{
		subject.Registered{Claim: "c0", At: noon},
		subject.IdentifierLinked{Identifier: subject.Identifier{
			Number: 1, Kind: "email", Value: personal.Clear("jane@example.com"), Claim: "c1",
		}},
		subject.IdentifierUnlinked{Number: 1},
		subject.ClaimBarred{Claim: "c1"},
		subject.IdentifiersRead{Read: subject.Read{Purpose: "verify", Service: "fulfilment", Caller: "actor-1", Roles: []string{"verifier"}}},
		subject.ForgettingBegun{Request: other},
		subject.Forgot{Request: other, KeysDestroyed: 1, ResidueEndsAt: noon},
		subject.ChangeRefused{Change: subject.ChangeLink, Reason: "SUBJECT_FORGOTTEN"},
		subject.SignedUp{At: noon},
		subject.MergeBegun{Merge: ref, Into: other, Evidence: "case:7", At: noon},
		subject.Merged{Merge: ref, Other: other, Evidence: "case:7", At: noon},
		subject.MergeDeclined{Merge: ref, Reason: "SUBJECT_FORGOTTEN"},
		subject.MergeCompleted{Merge: ref},
		subject.MergeAbandoned{Merge: ref, Reason: "SUBJECT_FORGOTTEN"},
		subject.Separated{Merge: ref, Other: other, Reason: "wrong_person", Reads: 2, Touches: 1, At: noon},
		subject.MergeUndone{Merge: ref},
		subject.IdentifiersFixed{Request: other, Named: ref},
		subject.SearchBegun{Request: other, Until: noon},
		subject.SeparationDelayed{Merge: ref, At: noon},
		subject.IdentifiersReleased{Request: other},
		subject.Touched{Touch: subject.Touch{Kind: subject.TouchPackage, Reference: other, At: noon}},
		subject.AgeStated{Age: subject.Age{Source: subject.AgeStatedBy, Birth: personal.Clear("2015-02-28")}, Evidence: "form:7", At: noon},
		subject.MandateGiven{Mandate: subject.Shown{How: "parent", Evidence: "form:7"}, At: noon},
		subject.MandateEnded{At: noon},
		subject.ParentAgreed{Consent: subject.Shown{How: "signed_form", Evidence: "form:8"}, At: noon},
		subject.ParentWithdrew{At: noon},
		subject.MinorBlocked{Policy: "qcera", Request: other, At: noon},
		subject.MinorUnblocked{Policy: "qcera", At: noon},
	})
}

func TestVerificationsEventsStayReadable(t *testing.T) {
	codec, err := wire.Verification()
	corpus(t, verification.AggregateType, codec, err, []verification.Event{
		verification.Started{Request: ref, Subject: other, Code: personal.Clear("12345678"), ExpiresAt: noon},
		verification.CodeDispatched{Identifier: 1},
		verification.LinkIssued{Digest: bytes.Repeat([]byte{7}, 32)},
		verification.CodeSent{},
		verification.CodeNotSent{Reason: verification.ReasonNoChannel},
		verification.AttemptFailed{Attempts: 2},
		verification.Ended{Request: ref, Reason: verification.ReasonExpired},
		verification.Succeeded{Request: ref, Subject: other, Level: 2},
		verification.CheckRefused{Reason: "VERIFICATION_CLOSED"},
		verification.CheckBegun{By: other, Until: noon},
		verification.Checked{
			By: other, How: verification.DocumentCopy, Points: verification.Points{1, 3}, Declared: true, Doubt: "mail.bounced",
			Result: verification.Confirmed, Evidence: 512, At: noon,
		},
	})
}

func TestEvidencesEventsStayReadable(t *testing.T) {
	codec, err := wire.Evidence()
	corpus(t, evidence.AggregateType, codec, err, []evidence.Event{
		evidence.Kept{Part: evidence.Part{Check: other, Number: 1, Data: personal.Clear("seen on 22 November")}, EndsAt: noon},
		evidence.Destroyed{Reason: evidence.ReasonExpired, At: noon},
	})
}
