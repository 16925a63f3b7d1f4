package wire

import (
	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/es/eventpb"
)

func packAuthorized(_ *eventpb.Writer, e person.SourceAuthorized) *consentv1.SourceAuthorized {
	return &consentv1.SourceAuthorized{
		Authorization: e.ID, Policy: e.Policy, Version: e.Version, Provider: e.Provider, Scopes: e.Scopes, Evidence: e.Evidence,
		AuthorizedAt: eventpb.Stamp(e.AuthorizedAt), RecordedAt: eventpb.Stamp(e.RecordedAt),
	}
}

func unpackAuthorized(r *eventpb.Reader, m *consentv1.SourceAuthorized) person.SourceAuthorized {
	if m.GetAuthorization() == "" || len(m.GetScopes()) == 0 {
		r.Fail(errStored)
	}
	return person.SourceAuthorized{
		ID: m.GetAuthorization(), Policy: m.GetPolicy(), Version: m.GetVersion(), Provider: m.GetProvider(), Scopes: m.GetScopes(),
		Evidence: m.GetEvidence(), AuthorizedAt: eventpb.Moment(m.GetAuthorizedAt()), RecordedAt: eventpb.Moment(m.GetRecordedAt()),
	}
}

func packRevoked(_ *eventpb.Writer, e person.SourceRevoked) *consentv1.SourceRevoked {
	return &consentv1.SourceRevoked{
		Policy: e.Policy, Provider: e.Provider, Scopes: e.Scopes,
		RevokedAt: eventpb.Stamp(e.RevokedAt), RecordedAt: eventpb.Stamp(e.RecordedAt),
	}
}

func unpackRevoked(_ *eventpb.Reader, m *consentv1.SourceRevoked) person.SourceRevoked {
	return person.SourceRevoked{
		Policy: m.GetPolicy(), Provider: m.GetProvider(), Scopes: m.GetScopes(),
		RevokedAt: eventpb.Moment(m.GetRevokedAt()), RecordedAt: eventpb.Moment(m.GetRecordedAt()),
	}
}

func packAuthorizationRefused(_ *eventpb.Writer, e person.AuthorizationRefused) *consentv1.AuthorizationRefused {
	return &consentv1.AuthorizationRefused{Policy: e.Policy, Provider: e.Provider, Reason: e.Reason}
}

func unpackAuthorizationRefused(_ *eventpb.Reader, m *consentv1.AuthorizationRefused) person.AuthorizationRefused {
	return person.AuthorizationRefused{Policy: m.GetPolicy(), Provider: m.GetProvider(), Reason: m.GetReason()}
}
