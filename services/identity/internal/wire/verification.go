package wire

import (
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/identity/verification"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/seal"
)

// Verification is the codec of verifications' events. The code is sealed under
// the evidence key of the request that waits: it is short, so that no digest
// would keep it from whoever has the log, and it ends with that key.
func Verification() (eventpb.Codec[verification.Event], error) {
	return eventpb.New(
		eventpb.Of[verification.Event](packStarted, unpackStarted),
		eventpb.Of[verification.Event](packDispatched, unpackDispatched),
		eventpb.Of[verification.Event](packSent, unpackSent),
		eventpb.Of[verification.Event](packLink, unpackLink),
		eventpb.Of[verification.Event](packNotSent, unpackNotSent),
		eventpb.Of[verification.Event](packAttempt, unpackAttempt),
		eventpb.Of[verification.Event](packEnded, unpackEnded),
		eventpb.Of[verification.Event](packSucceeded, unpackSucceeded),
		eventpb.Of[verification.Event](packCheckRefused, unpackCheckRefused),
		eventpb.Of[verification.Event](packCheckBegun, unpackCheckBegun),
		eventpb.Of[verification.Event](packChecked, unpackChecked),
	)
}

// pathCode is the path of the code in its event.
const pathCode = "code"

func packStarted(w *eventpb.Writer, e verification.Started) *identityv1.VerificationStarted {
	return &identityv1.VerificationStarted{
		Request: e.Request, SubjectRef: e.Subject, ExpiresAt: eventpb.Stamp(e.ExpiresAt), Nonce: e.Nonce,
		Code: w.Seal(seal.Request, e.Request, sealv1.KeyClass_KEY_CLASS_REQUEST, pathCode, e.Code),
	}
}

func unpackStarted(r *eventpb.Reader, m *identityv1.VerificationStarted) verification.Started {
	return verification.Started{
		Request: m.GetRequest(), Subject: m.GetSubjectRef(), ExpiresAt: eventpb.Moment(m.GetExpiresAt()),
		Code: r.Text(m.GetCode(), pathCode), Nonce: m.GetNonce(),
	}
}

func packDispatched(_ *eventpb.Writer, e verification.CodeDispatched) *identityv1.CodeDispatched {
	return &identityv1.CodeDispatched{Identifier: e.Identifier, Settled: e.Settled, Telephone: e.Telephone}
}

func unpackDispatched(_ *eventpb.Reader, m *identityv1.CodeDispatched) verification.CodeDispatched {
	return verification.CodeDispatched{Identifier: m.GetIdentifier(), Settled: m.GetSettled(), Telephone: m.GetTelephone()}
}

func packLink(_ *eventpb.Writer, e verification.LinkIssued) *identityv1.LinkIssued {
	return &identityv1.LinkIssued{Digest: e.Digest}
}

func unpackLink(_ *eventpb.Reader, m *identityv1.LinkIssued) verification.LinkIssued {
	return verification.LinkIssued{Digest: m.GetDigest()}
}

func packSent(*eventpb.Writer, verification.CodeSent) *identityv1.CodeSent {
	return &identityv1.CodeSent{}
}

func unpackSent(*eventpb.Reader, *identityv1.CodeSent) verification.CodeSent {
	return verification.CodeSent{}
}

func packNotSent(_ *eventpb.Writer, e verification.CodeNotSent) *identityv1.CodeNotSent {
	return &identityv1.CodeNotSent{Reason: e.Reason}
}

func unpackNotSent(_ *eventpb.Reader, m *identityv1.CodeNotSent) verification.CodeNotSent {
	return verification.CodeNotSent{Reason: m.GetReason()}
}

func packAttempt(_ *eventpb.Writer, e verification.AttemptFailed) *identityv1.AttemptFailed {
	return &identityv1.AttemptFailed{Attempts: e.Attempts}
}

func unpackAttempt(_ *eventpb.Reader, m *identityv1.AttemptFailed) verification.AttemptFailed {
	return verification.AttemptFailed{Attempts: m.GetAttempts()}
}

func packEnded(_ *eventpb.Writer, e verification.Ended) *identityv1.VerificationFailed {
	return &identityv1.VerificationFailed{Request: e.Request, Reason: e.Reason}
}

func unpackEnded(_ *eventpb.Reader, m *identityv1.VerificationFailed) verification.Ended {
	return verification.Ended{Request: m.GetRequest(), Reason: m.GetReason()}
}

func packSucceeded(_ *eventpb.Writer, e verification.Succeeded) *identityv1.VerificationPassed {
	return &identityv1.VerificationPassed{
		Request: e.Request, SubjectRef: e.Subject, AssuranceLevel: e.Level, Method: e.Method, Assertion: e.Assertion,
	}
}

func unpackSucceeded(_ *eventpb.Reader, m *identityv1.VerificationPassed) verification.Succeeded {
	return verification.Succeeded{
		Request: m.GetRequest(), Subject: m.GetSubjectRef(), Level: m.GetAssuranceLevel(), Method: m.GetMethod(), Assertion: m.GetAssertion(),
	}
}

func packCheckRefused(_ *eventpb.Writer, e verification.CheckRefused) *identityv1.VerificationCheckRefused {
	return &identityv1.VerificationCheckRefused{Reason: e.Reason}
}

func unpackCheckRefused(_ *eventpb.Reader, m *identityv1.VerificationCheckRefused) verification.CheckRefused {
	return verification.CheckRefused{Reason: m.GetReason()}
}
