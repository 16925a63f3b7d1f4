package wire

import (
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/seal"
)

// Subject is the codec of subjects' events. An identifier's value is sealed
// under the subject's own key, class profile.
func Subject() (eventpb.Codec[subject.Event], error) {
	return eventpb.New(append(append(merges(), ages()...),
		eventpb.Of[subject.Event](packRegistered, unpackRegistered),
		eventpb.Of[subject.Event](packLinked, unpackLinked),
		eventpb.Of[subject.Event](packUnlinked, unpackUnlinked),
		eventpb.Of[subject.Event](packBarred, unpackBarred),
		eventpb.Of[subject.Event](packRead, unpackRead),
		eventpb.Of[subject.Event](packForgetting, unpackForgetting),
		eventpb.Of[subject.Event](packForgot, unpackForgot),
		eventpb.Of[subject.Event](packChangeRefused, unpackChangeRefused),
	)...)
}

func packRegistered(_ *eventpb.Writer, e subject.Registered) *identityv1.SubjectRegistered {
	return &identityv1.SubjectRegistered{RegisteredAt: eventpb.Stamp(e.At), Claim: e.Claim, Policy: e.Policy}
}

func unpackRegistered(_ *eventpb.Reader, m *identityv1.SubjectRegistered) subject.Registered {
	return subject.Registered{At: eventpb.Moment(m.GetRegisteredAt()), Claim: m.GetClaim(), Policy: m.GetPolicy()}
}

// pathValue is the path of an identifier's value in its event.
const pathValue = "value"

func packLinked(w *eventpb.Writer, e subject.IdentifierLinked) *identityv1.IdentifierLinked {
	i := e.Identifier
	return &identityv1.IdentifierLinked{
		Number: i.Number, Kind: i.Kind, Claim: i.Claim, Analytics: i.Analytics, LinkedAt: eventpb.Stamp(i.At),
		Value: w.Seal(seal.Subject, w.Aggregate().ID, sealv1.KeyClass_KEY_CLASS_PROFILE, pathValue, i.Value),
	}
}

func unpackLinked(r *eventpb.Reader, m *identityv1.IdentifierLinked) subject.IdentifierLinked {
	return subject.IdentifierLinked{Identifier: subject.Identifier{
		Number: m.GetNumber(), Kind: m.GetKind(), Claim: m.GetClaim(), Value: r.Text(m.GetValue(), pathValue),
		Analytics: m.GetAnalytics(), At: eventpb.Moment(m.GetLinkedAt()),
	}}
}

func packUnlinked(_ *eventpb.Writer, e subject.IdentifierUnlinked) *identityv1.IdentifierUnlinked {
	return &identityv1.IdentifierUnlinked{Number: e.Number}
}

func unpackUnlinked(_ *eventpb.Reader, m *identityv1.IdentifierUnlinked) subject.IdentifierUnlinked {
	return subject.IdentifierUnlinked{Number: m.GetNumber()}
}

func packBarred(_ *eventpb.Writer, e subject.ClaimBarred) *identityv1.ClaimBarred {
	return &identityv1.ClaimBarred{Claim: e.Claim}
}

func unpackBarred(_ *eventpb.Reader, m *identityv1.ClaimBarred) subject.ClaimBarred {
	return subject.ClaimBarred{Claim: m.GetClaim()}
}

func packRead(_ *eventpb.Writer, e subject.IdentifiersRead) *identityv1.IdentifiersRead {
	return &identityv1.IdentifiersRead{
		Purpose: e.Read.Purpose, Service: e.Read.Service, Caller: e.Read.Caller, Roles: e.Read.Roles,
	}
}

func unpackRead(_ *eventpb.Reader, m *identityv1.IdentifiersRead) subject.IdentifiersRead {
	return subject.IdentifiersRead{Read: subject.Read{
		Purpose: m.GetPurpose(), Service: m.GetService(), Caller: m.GetCaller(), Roles: m.GetRoles(),
	}}
}

func packForgetting(_ *eventpb.Writer, e subject.ForgettingBegun) *identityv1.ForgettingBegun {
	return &identityv1.ForgettingBegun{Request: e.Request}
}

func unpackForgetting(_ *eventpb.Reader, m *identityv1.ForgettingBegun) subject.ForgettingBegun {
	return subject.ForgettingBegun{Request: m.GetRequest()}
}

func packForgot(_ *eventpb.Writer, e subject.Forgot) *identityv1.SubjectForgotten {
	return &identityv1.SubjectForgotten{
		Request: e.Request, KeysDestroyed: e.KeysDestroyed, ResidueEndsAt: eventpb.Stamp(e.ResidueEndsAt),
	}
}

func unpackForgot(_ *eventpb.Reader, m *identityv1.SubjectForgotten) subject.Forgot {
	return subject.Forgot{
		Request: m.GetRequest(), KeysDestroyed: m.GetKeysDestroyed(), ResidueEndsAt: eventpb.Moment(m.GetResidueEndsAt()),
	}
}

func packChangeRefused(_ *eventpb.Writer, e subject.ChangeRefused) *identityv1.SubjectChangeRefused {
	return &identityv1.SubjectChangeRefused{Change: e.Change, Reason: e.Reason}
}

func unpackChangeRefused(_ *eventpb.Reader, m *identityv1.SubjectChangeRefused) subject.ChangeRefused {
	return subject.ChangeRefused{Change: m.GetChange(), Reason: m.GetReason()}
}

func packFixed(_ *eventpb.Writer, e subject.IdentifiersFixed) *identityv1.IdentifiersFixed {
	return &identityv1.IdentifiersFixed{Request: e.Request, Named: e.Named}
}

func unpackFixed(_ *eventpb.Reader, m *identityv1.IdentifiersFixed) subject.IdentifiersFixed {
	return subject.IdentifiersFixed{Request: m.GetRequest(), Named: m.GetNamed()}
}

func packReleased(_ *eventpb.Writer, e subject.IdentifiersReleased) *identityv1.IdentifiersReleased {
	return &identityv1.IdentifiersReleased{Request: e.Request}
}

func unpackReleased(_ *eventpb.Reader, m *identityv1.IdentifiersReleased) subject.IdentifiersReleased {
	return subject.IdentifiersReleased{Request: m.GetRequest()}
}
