package wire

import (
	"slices"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/seal"
)

type entry = eventpb.Entry[request.Event]

// Requests is the codec of requests.
func Requests() (eventpb.Codec[request.Event], error) {
	return eventpb.New(slices.Concat(opening(), assurance(), staffing(), scoping(), deciding(), working(), packaging(), ending())...)
}

func opening() []entry {
	return []entry{
		eventpb.Of[request.Event](packSubmitted, unpackSubmitted),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.VerificationStarted) *fulfilmentv1.VerificationStarted {
			return &fulfilmentv1.VerificationStarted{
				Verification: e.Verification, ExpiresAt: eventpb.Stamp(e.ExpiresAt), At: eventpb.Stamp(e.At),
			}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.VerificationStarted) request.VerificationStarted {
			return request.VerificationStarted{
				Verification: m.GetVerification(), ExpiresAt: eventpb.Moment(m.GetExpiresAt()), At: eventpb.Moment(m.GetAt()),
			}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.Verified) *fulfilmentv1.RequestVerified {
			return &fulfilmentv1.RequestVerified{SubjectRef: e.SubjectRef, AssuranceLevel: e.Level, Method: e.Method, VerifiedBy: e.By, At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.RequestVerified) request.Verified {
			return request.Verified{
				SubjectRef: m.GetSubjectRef(), Level: m.GetAssuranceLevel(), Method: m.GetMethod(), By: m.GetVerifiedBy(), At: eventpb.Moment(m.GetAt()),
			}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.VerificationExtended) *fulfilmentv1.VerificationExtended {
			return &fulfilmentv1.VerificationExtended{ExpiresAt: eventpb.Stamp(e.ExpiresAt), At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.VerificationExtended) request.VerificationExtended {
			return request.VerificationExtended{ExpiresAt: eventpb.Moment(m.GetExpiresAt()), At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.VerificationFailed) *fulfilmentv1.VerificationFailed {
			return &fulfilmentv1.VerificationFailed{Reason: e.Reason, At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.VerificationFailed) request.VerificationFailed {
			return request.VerificationFailed{Reason: m.GetReason(), At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.Queued) *fulfilmentv1.RequestQueued {
			return &fulfilmentv1.RequestQueued{Behind: e.Behind, Duplicate: e.SameRight, At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.RequestQueued) request.Queued {
			return request.Queued{Behind: m.GetBehind(), SameRight: m.GetDuplicate(), At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.Yielded) *fulfilmentv1.RequestHeldBack {
			return &fulfilmentv1.RequestHeldBack{To: e.To, At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.RequestHeldBack) request.Yielded {
			return request.Yielded{To: m.GetTo(), At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.Activated) *fulfilmentv1.RequestActivated {
			return &fulfilmentv1.RequestActivated{At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.RequestActivated) request.Activated {
			return request.Activated{At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[request.Event](func(w *eventpb.Writer, e request.ContactNoted) *fulfilmentv1.ContactNoted {
			return &fulfilmentv1.ContactNoted{Address: sealed(w, w.Aggregate().ID, "address", e.Address)}
		}, func(r *eventpb.Reader, m *fulfilmentv1.ContactNoted) request.ContactNoted {
			return request.ContactNoted{Address: r.Text(m.GetAddress(), "address")}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.Frozen) *fulfilmentv1.RequestFrozen {
			return &fulfilmentv1.RequestFrozen{At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.RequestFrozen) request.Frozen {
			return request.Frozen{At: eventpb.Moment(m.GetAt())}
		}),
	}
}

const (
	pathIdentifier = "identifier"
	pathDigestKey  = "digest_key"
	pathSubmitter  = "submitter_key"
)

func packSubmitted(w *eventpb.Writer, e request.Submitted) *fulfilmentv1.RequestSubmitted {
	return &fulfilmentv1.RequestSubmitted{
		Right: fulfilmentv1.Right(e.Right), Kind: identityv1.IdentifierKind(e.Kind),
		Identifier: w.Seal(seal.Request, w.Aggregate().ID, classRequest, pathIdentifier, e.Identifier),
		Channel:    e.Channel, ReceivedAt: eventpb.Stamp(e.ReceivedAt), At: eventpb.Stamp(e.At),
		Policy: e.Terms.Policy, PolicyVersion: e.Terms.PolicyVersion, RulePack: e.Terms.Pack, RulePackHash: e.Terms.PackHash,
		Rule: e.Terms.Rule, Calendar: e.Terms.Calendar, Zone: e.Terms.Zone,
		DueAt: eventpb.Stamp(e.Terms.DueAt), AcknowledgeBy: eventpb.Stamp(e.Terms.AcknowledgeBy), Submitter: e.Submitter,
		NeededLevel: e.Terms.Level, Delay: span(e.Terms.Delay), Elsewhere: e.Terms.Elsewhere,
		Year: e.Terms.Year, AnswersUntil: eventpb.Stamp(e.Terms.AnswersUntil), TakenBy: e.TakenBy, Agent: e.Agent, Mandate: e.Mandate, Service: e.Service,
		SubmitterKey: w.Seal(seal.Request, w.Aggregate().ID, sealv1.KeyClass_KEY_CLASS_PACKAGE, pathSubmitter, e.SubmitterKey),
		Packs:        packPinned(e.Terms.Packs), InstructionPeriod: e.Terms.Instructing.Period, InstructionReminders: e.Terms.Instructing.Reminders,
		Controller: e.Terms.Controller,
	}
}

func unpackSubmitted(r *eventpb.Reader, m *fulfilmentv1.RequestSubmitted) request.Submitted {
	return request.Submitted{
		Right: request.Right(m.GetRight()), Kind: uint8(m.GetKind()), Identifier: r.Text(m.GetIdentifier(), pathIdentifier),
		Channel: m.GetChannel(), ReceivedAt: eventpb.Moment(m.GetReceivedAt()), At: eventpb.Moment(m.GetAt()),
		Terms: request.Terms{
			Policy: m.GetPolicy(), PolicyVersion: m.GetPolicyVersion(), Pack: m.GetRulePack(), PackHash: m.GetRulePackHash(),
			Rule: m.GetRule(), Calendar: m.GetCalendar(), Zone: m.GetZone(),
			DueAt: eventpb.Moment(m.GetDueAt()), AcknowledgeBy: eventpb.Moment(m.GetAcknowledgeBy()),
			Level: m.GetNeededLevel(), Delay: m.GetDelay().AsDuration(), Elsewhere: m.GetElsewhere(),
			Year: m.GetYear(), AnswersUntil: eventpb.Moment(m.GetAnswersUntil()), Packs: unpackPinned(m.GetPacks()),
			Instructing: request.Instructing{Period: m.GetInstructionPeriod(), Reminders: m.GetInstructionReminders()}, Controller: m.GetController(),
		},
		Submitter: m.GetSubmitter(), TakenBy: m.GetTakenBy(), Agent: m.GetAgent(), Mandate: m.GetMandate(), Service: m.GetService(),
		SubmitterKey: r.Text(m.GetSubmitterKey(), pathSubmitter),
	}
}

func packPlanned(list []request.Planned) []*fulfilmentv1.PlannedLeaf {
	out := make([]*fulfilmentv1.PlannedLeaf, 0, len(list))
	for _, p := range list {
		out = append(out, &fulfilmentv1.PlannedLeaf{
			Leaf: p.Leaf, System: p.System, SystemVersion: p.Version, Collection: p.Collection, Category: p.Category,
			Decision: fulfilmentv1.LeafDecision(p.Decision), Rows: p.Rows, Ground: p.Ground, Authority: p.Authority,
			Until: eventpb.Stamp(p.Until), Rule: p.Rule,
		})
	}
	return out
}

func unpackPlanned(list []*fulfilmentv1.PlannedLeaf) []request.Planned {
	out := make([]request.Planned, 0, len(list))
	for _, m := range list {
		out = append(out, request.Planned{
			Leaf: m.GetLeaf(), System: m.GetSystem(), Version: m.GetSystemVersion(), Collection: m.GetCollection(),
			Category: m.GetCategory(), Decision: request.Decision(m.GetDecision()), Rows: m.GetRows(), Ground: m.GetGround(),
			Authority: m.GetAuthority(), Until: eventpb.Moment(m.GetUntil()), Rule: m.GetRule(),
		})
	}
	return out
}

func working() []entry {
	return []entry{
		eventpb.Of[request.Event](func(w *eventpb.Writer, e request.ManifestCommitted) *fulfilmentv1.ManifestCommitted {
			return &fulfilmentv1.ManifestCommitted{
				Leaves: packPlanned(e.Leaves), ScheduleVersion: e.Schedule, After: e.After, Approval: e.Approval, At: eventpb.Stamp(e.At),
				DigestKey: sealed(w, w.Aggregate().ID, pathDigestKey, e.DigestKey), Sought: []byte(e.Sought),
			}
		}, func(r *eventpb.Reader, m *fulfilmentv1.ManifestCommitted) request.ManifestCommitted {
			return request.ManifestCommitted{
				Leaves: unpackPlanned(m.GetLeaves()), Schedule: m.GetScheduleVersion(), After: m.GetAfter(), Approval: m.GetApproval(), At: eventpb.Moment(m.GetAt()),
				DigestKey: r.Text(m.GetDigestKey(), pathDigestKey), Sought: string(m.GetSought()),
			}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.LeavesDecided) *fulfilmentv1.LeavesDecided {
			return &fulfilmentv1.LeavesDecided{System: e.System, Leaves: packPlanned(e.Leaves), At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.LeavesDecided) request.LeavesDecided {
			return request.LeavesDecided{System: m.GetSystem(), Leaves: unpackPlanned(m.GetLeaves()), At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[request.Event](packStarted, unpackStarted),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.ValuesSuppressed) *fulfilmentv1.ValuesSuppressed {
			return &fulfilmentv1.ValuesSuppressed{
				System: e.System, ErasureRef: e.ErasureRef, Values: e.Values, Until: eventpb.Stamp(e.Until),
			}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.ValuesSuppressed) request.ValuesSuppressed {
			return request.ValuesSuppressed{
				System: m.GetSystem(), ErasureRef: m.GetErasureRef(), Values: m.GetValues(), Until: eventpb.Moment(m.GetUntil()),
			}
		}),
		eventpb.Of[request.Event](packAnnounced, unpackAnnounced),
		eventpb.Of[request.Event](packCompleted, unpackCompleted),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.StepFailed) *fulfilmentv1.StepFailed {
			return &fulfilmentv1.StepFailed{
				Step: string(e.Step), System: e.System, InSystem: e.In, Category: e.Category, Failures: e.Failures, Reason: e.Reason,
				NextTryAt: eventpb.Stamp(e.NextTryAt), At: eventpb.Stamp(e.At),
			}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.StepFailed) request.StepFailed {
			return request.StepFailed{
				Step: request.Step(m.GetStep()), System: m.GetSystem(), In: m.GetInSystem(), Category: m.GetCategory(),
				Failures: m.GetFailures(), Reason: m.GetReason(),
				NextTryAt: eventpb.Moment(m.GetNextTryAt()), At: eventpb.Moment(m.GetAt()),
			}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.LeavesDeferred) *fulfilmentv1.LeavesDeferred {
			return &fulfilmentv1.LeavesDeferred{
				System: e.System, Reason: e.Reason, NextTryAt: eventpb.Stamp(e.NextTryAt), At: eventpb.Stamp(e.At),
			}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.LeavesDeferred) request.LeavesDeferred {
			return request.LeavesDeferred{
				System: m.GetSystem(), Reason: m.GetReason(), NextTryAt: eventpb.Moment(m.GetNextTryAt()), At: eventpb.Moment(m.GetAt()),
			}
		}),
		eventpb.Of[request.Event](func(_ *eventpb.Writer, e request.Resumed) *fulfilmentv1.RequestResumed {
			return &fulfilmentv1.RequestResumed{Cause: e.Cause, At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *fulfilmentv1.RequestResumed) request.Resumed {
			return request.Resumed{Cause: m.GetCause(), At: eventpb.Moment(m.GetAt())}
		}),
	}
}

func packStarted(_ *eventpb.Writer, e request.LeavesStarted) *fulfilmentv1.LeavesStarted {
	m := &fulfilmentv1.LeavesStarted{
		System: e.System, Attempt: e.Attempt, Permit: e.Permit, PermitEndsAt: eventpb.Stamp(e.PermitAt), At: eventpb.Stamp(e.At),
	}
	for _, f := range e.Leaves {
		m.Leaves = append(m.Leaves, &fulfilmentv1.StartedLeaf{Leaf: f.Leaf, Rows: f.Rows, Digest: f.Digest})
	}
	return m
}

func unpackStarted(_ *eventpb.Reader, m *fulfilmentv1.LeavesStarted) request.LeavesStarted {
	e := request.LeavesStarted{
		System: m.GetSystem(), Attempt: m.GetAttempt(), Permit: m.GetPermit(),
		PermitAt: eventpb.Moment(m.GetPermitEndsAt()), At: eventpb.Moment(m.GetAt()),
	}
	for _, f := range m.GetLeaves() {
		e.Leaves = append(e.Leaves, request.Found{Leaf: f.GetLeaf(), Rows: f.GetRows(), Digest: f.GetDigest()})
	}
	return e
}

func packAnnounced(_ *eventpb.Writer, e request.ChangesAnnounced) *fulfilmentv1.ChangesAnnounced {
	m := &fulfilmentv1.ChangesAnnounced{System: e.System, Attempt: e.Attempt, At: eventpb.Stamp(e.At)}
	for _, d := range e.Leaves {
		m.Leaves = append(m.Leaves, &fulfilmentv1.AnnouncedLeaf{
			Leaf: d.Leaf, Deleted: d.Deleted, Masked: d.Masked, Kept: d.Kept, Shared: d.Shared, ByDescription: d.Described,
		})
	}
	return m
}

func unpackAnnounced(_ *eventpb.Reader, m *fulfilmentv1.ChangesAnnounced) request.ChangesAnnounced {
	e := request.ChangesAnnounced{System: m.GetSystem(), Attempt: m.GetAttempt(), At: eventpb.Moment(m.GetAt())}
	for _, l := range m.GetLeaves() {
		e.Leaves = append(e.Leaves, request.Done{
			Leaf: l.GetLeaf(), Deleted: l.GetDeleted(), Masked: l.GetMasked(), Kept: l.GetKept(), Shared: l.GetShared(),
			Described: l.GetByDescription(),
		})
	}
	return e
}

func packCompleted(_ *eventpb.Writer, e request.LeavesCompleted) *fulfilmentv1.LeavesCompleted {
	m := &fulfilmentv1.LeavesCompleted{System: e.System, At: eventpb.Stamp(e.At)}
	for _, l := range e.Leaves {
		m.Leaves = append(m.Leaves, &fulfilmentv1.CompletedLeaf{
			Leaf: l.Leaf, Outcome: fulfilmentv1.LeafOutcome(l.Outcome), Deleted: l.Deleted, Masked: l.Masked,
			Shared: l.Shared, Collected: l.Collected, Kept: l.Kept, Reason: l.Because.Reason, Authority: l.Because.Authority,
			Until: eventpb.Stamp(l.Because.Until), CardsMasked: l.Cards,
		})
	}
	return m
}

func unpackCompleted(_ *eventpb.Reader, m *fulfilmentv1.LeavesCompleted) request.LeavesCompleted {
	e := request.LeavesCompleted{System: m.GetSystem(), At: eventpb.Moment(m.GetAt())}
	for _, l := range m.GetLeaves() {
		e.Leaves = append(e.Leaves, request.Ended{
			Done: request.Done{
				Leaf: l.GetLeaf(), Deleted: l.GetDeleted(), Masked: l.GetMasked(), Shared: l.GetShared(), Collected: l.GetCollected(),
				Kept: l.GetKept(), Cards: l.GetCardsMasked(),
			},
			Outcome: request.LeafOutcome(l.GetOutcome()),
			Because: request.Because{
				Reason: l.GetReason(), Authority: l.GetAuthority(), Until: eventpb.Moment(l.GetUntil()),
			},
		})
	}
	return e
}
