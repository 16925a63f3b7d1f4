package wire

import (
	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/es/eventpb"
)

// DPV is a status in the words of W3C DPV; none is that nothing is known.
func DPV(s person.Status) string {
	switch s {
	case person.Given:
		return "dpv:ConsentGiven"
	case person.Refused:
		return "dpv:ConsentRefused"
	case person.Withdrawn:
		return "dpv:ConsentWithdrawn"
	case person.Offered:
		return "dpv:ConsentRequested"
	case person.Renewed:
		return "dpv:RenewedConsentGiven"
	case person.Expired:
		return "dpv:ConsentExpired"
	case person.Invalidated:
		return "dpv:ConsentInvalidated"
	}
	return "dpv:ConsentUnknown"
}

// Circumstances are those of the contract in the domain's words.
func Circumstances(m *consentv1.Circumstances) person.Circumstances {
	if m == nil {
		return person.Circumstances{}
	}
	return person.Circumstances{
		Notice: m.GetNotice(), TextHash: m.GetTextHash(), Language: m.GetLanguage(), Method: m.GetMethod(), Channel: m.GetChannel(),
		Actor: actor(m.GetActor()), ActorRef: m.GetActorRef(), Authority: Authority(m.GetAuthority()), Steps: m.Steps, Seconds: m.Seconds,
	}
}

// CircumstancesOf is the inverse of Circumstances; nil of nothing.
func CircumstancesOf(c person.Circumstances) *consentv1.Circumstances {
	if c == (person.Circumstances{}) {
		return nil
	}
	return &consentv1.Circumstances{
		Notice: c.Notice, TextHash: c.TextHash, Language: c.Language, Method: c.Method, Channel: c.Channel,
		Actor: actorOf(c.Actor), ActorRef: c.ActorRef, Authority: authorityOf(c.Authority), Steps: c.Steps, Seconds: c.Seconds,
	}
}

func actor(a consentv1.Actor) person.Actor {
	switch a {
	case consentv1.Actor_ACTOR_SELF:
		return person.Self
	case consentv1.Actor_ACTOR_GUARDIAN:
		return person.Guardian
	case consentv1.Actor_ACTOR_AGENT:
		return person.Agent
	case consentv1.Actor_ACTOR_STAFF:
		return person.Staff
	case consentv1.Actor_ACTOR_UNSPECIFIED:
	}
	return 0
}

func actorOf(a person.Actor) consentv1.Actor {
	switch a {
	case person.Self:
		return consentv1.Actor_ACTOR_SELF
	case person.Guardian:
		return consentv1.Actor_ACTOR_GUARDIAN
	case person.Agent:
		return consentv1.Actor_ACTOR_AGENT
	case person.Staff:
		return consentv1.Actor_ACTOR_STAFF
	}
	return consentv1.Actor_ACTOR_UNSPECIFIED
}

// Authority is one of the contract in the domain's words; zero for none.
func Authority(a consentv1.Authority) person.Authority {
	switch a {
	case consentv1.Authority_AUTHORITY_PARENT:
		return person.Parent
	case consentv1.Authority_AUTHORITY_GUARDIAN:
		return person.LegalGuardian
	case consentv1.Authority_AUTHORITY_REPRESENTATIVE:
		return person.Representative
	case consentv1.Authority_AUTHORITY_PARENTAL_CONSENT:
		return person.ParentalConsent
	case consentv1.Authority_AUTHORITY_UNSPECIFIED:
	}
	return 0
}

func authorityOf(a person.Authority) consentv1.Authority {
	switch a {
	case person.Parent:
		return consentv1.Authority_AUTHORITY_PARENT
	case person.LegalGuardian:
		return consentv1.Authority_AUTHORITY_GUARDIAN
	case person.Representative:
		return consentv1.Authority_AUTHORITY_REPRESENTATIVE
	case person.ParentalConsent:
		return consentv1.Authority_AUTHORITY_PARENTAL_CONSENT
	}
	return consentv1.Authority_AUTHORITY_UNSPECIFIED
}

func packExpired(_ *eventpb.Writer, e person.ConsentExpired) *consentv1.ConsentExpired {
	return &consentv1.ConsentExpired{
		Policy: e.Policy, Purpose: e.Name, DecidedAt: eventpb.Stamp(e.DecidedAt), ExpiredAt: eventpb.Stamp(e.ExpiredAt),
		RecordedAt: eventpb.Stamp(e.RecordedAt),
	}
}

func unpackExpired(_ *eventpb.Reader, m *consentv1.ConsentExpired) person.ConsentExpired {
	return person.ConsentExpired{
		Topic:     person.Topic{Policy: m.GetPolicy(), Name: m.GetPurpose()},
		DecidedAt: eventpb.Moment(m.GetDecidedAt()), ExpiredAt: eventpb.Moment(m.GetExpiredAt()), RecordedAt: eventpb.Moment(m.GetRecordedAt()),
	}
}

func packInvalidated(_ *eventpb.Writer, e person.ConsentInvalidated) *consentv1.ConsentInvalidated {
	return &consentv1.ConsentInvalidated{
		Policy: e.Policy, Purposes: e.Purposes, Ground: e.Ground, Evidence: e.Evidence,
		InvalidatedAt: eventpb.Stamp(e.InvalidatedAt), RecordedAt: eventpb.Stamp(e.RecordedAt),
	}
}

func unpackInvalidated(_ *eventpb.Reader, m *consentv1.ConsentInvalidated) person.ConsentInvalidated {
	return person.ConsentInvalidated{
		Policy: m.GetPolicy(), Purposes: m.GetPurposes(), Ground: m.GetGround(), Evidence: m.GetEvidence(),
		InvalidatedAt: eventpb.Moment(m.GetInvalidatedAt()), RecordedAt: eventpb.Moment(m.GetRecordedAt()),
	}
}
