package wire

import (
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/retention/account"
	"habeas.internal/services/retention/person"
	"habeas.internal/services/retention/schedule"
)

// Account is the codec of an account's events.
func Account() (eventpb.Codec[account.Event], error) {
	return eventpb.New(
		eventpb.Of[account.Event](func(_ *eventpb.Writer, e account.Added) *retentionv1.PeopleAdded {
			return &retentionv1.PeopleAdded{Account: e.Account, SubjectRefs: e.People, At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *retentionv1.PeopleAdded) account.Added {
			return account.Added{Account: m.GetAccount(), People: m.GetSubjectRefs(), At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[account.Event](func(_ *eventpb.Writer, e account.Closed) *retentionv1.CustomerLeft {
			return &retentionv1.CustomerLeft{Account: e.Account, ClosedAt: eventpb.Stamp(e.ClosedAt), At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *retentionv1.CustomerLeft) account.Closed {
			return account.Closed{Account: m.GetAccount(), ClosedAt: eventpb.Moment(m.GetClosedAt()), At: eventpb.Moment(m.GetAt())}
		}),
	)
}

// clocks are the events of a person that concern clocks.
func clocks() []eventpb.Entry[person.Event] {
	return []eventpb.Entry[person.Event]{
		eventpb.Of[person.Event](packClocksStarted, unpackClocksStarted),
		eventpb.Of[person.Event](func(_ *eventpb.Writer, e person.ClocksStopped) *retentionv1.ClocksStopped {
			return &retentionv1.ClocksStopped{Clocks: packNames(e.Clocks), Cause: e.Cause, NextDueAt: eventpb.Stamp(e.NextDue)}
		}, func(_ *eventpb.Reader, m *retentionv1.ClocksStopped) person.ClocksStopped {
			return person.ClocksStopped{Clocks: unpackNames(m.GetClocks()), Cause: m.GetCause(), NextDue: eventpb.Moment(m.GetNextDueAt())}
		}),
		eventpb.Of[person.Event](func(_ *eventpb.Writer, e person.ErasureDue) *retentionv1.ErasureDue {
			return &retentionv1.ErasureDue{
				Request: e.Request, Policy: e.Policy, Clocks: packNames(e.Clocks), At: eventpb.Stamp(e.At), NextDueAt: eventpb.Stamp(e.NextDue),
			}
		}, func(_ *eventpb.Reader, m *retentionv1.ErasureDue) person.ErasureDue {
			return person.ErasureDue{
				Request: m.GetRequest(), Policy: m.GetPolicy(), Clocks: unpackNames(m.GetClocks()), At: eventpb.Moment(m.GetAt()),
				NextDue: eventpb.Moment(m.GetNextDueAt()),
			}
		}),
		eventpb.Of[person.Event](func(_ *eventpb.Writer, e person.AccountOpened) *retentionv1.AccountOpened {
			return &retentionv1.AccountOpened{Account: e.Account, At: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *retentionv1.AccountOpened) person.AccountOpened {
			return person.AccountOpened{Account: m.GetAccount(), At: eventpb.Moment(m.GetAt())}
		}),
		eventpb.Of[person.Event](func(_ *eventpb.Writer, e person.AccountClosed) *retentionv1.AccountClosed {
			return &retentionv1.AccountClosed{Account: e.Account, ClosedAt: eventpb.Stamp(e.At)}
		}, func(_ *eventpb.Reader, m *retentionv1.AccountClosed) person.AccountClosed {
			return person.AccountClosed{Account: m.GetAccount(), At: eventpb.Moment(m.GetClosedAt())}
		}),
	}
}

func packClocksStarted(_ *eventpb.Writer, e person.ClocksStarted) *retentionv1.ClocksStarted {
	m := &retentionv1.ClocksStarted{NextDueAt: eventpb.Stamp(e.NextDue)}
	for _, k := range e.Clocks {
		m.Clocks = append(m.Clocks, &retentionv1.StorageClock{
			Policy: k.Policy, ScheduleVersion: k.ScheduleVersion, Category: k.Category, System: k.System, StartsOn: k.StartsOn,
			StartedAt: eventpb.Stamp(k.StartedAt), DueAt: eventpb.Stamp(k.DueAt), Clause: k.Clause, Ground: k.Ground, Authority: k.Authority,
		})
	}
	return m
}

func unpackClocksStarted(_ *eventpb.Reader, m *retentionv1.ClocksStarted) person.ClocksStarted {
	e := person.ClocksStarted{NextDue: eventpb.Moment(m.GetNextDueAt())}
	for _, k := range m.GetClocks() {
		e.Clocks = append(e.Clocks, person.Clock{
			Name:            person.Name{Policy: k.GetPolicy(), Category: k.GetCategory(), System: k.GetSystem(), StartsOn: k.GetStartsOn()},
			ScheduleVersion: k.GetScheduleVersion(), StartedAt: eventpb.Moment(k.GetStartedAt()), DueAt: eventpb.Moment(k.GetDueAt()),
			Clause: k.GetClause(), Ground: k.GetGround(), Authority: k.GetAuthority(),
		})
	}
	return e
}

func packNames(list []person.Name) []*retentionv1.ClockName {
	var out []*retentionv1.ClockName
	for _, n := range list {
		out = append(out, &retentionv1.ClockName{Policy: n.Policy, Category: n.Category, System: n.System, StartsOn: n.StartsOn})
	}
	return out
}

func unpackNames(list []*retentionv1.ClockName) []person.Name {
	var out []person.Name
	for _, n := range list {
		out = append(out, person.Name{Policy: n.GetPolicy(), Category: n.GetCategory(), System: n.GetSystem(), StartsOn: n.GetStartsOn()})
	}
	return out
}

func packLimits(list []schedule.Limit) []*retentionv1.StorageLimit {
	var out []*retentionv1.StorageLimit
	for _, l := range list {
		out = append(out, &retentionv1.StorageLimit{
			Category: l.Category, StartsOn: l.StartsOn, Period: l.Period.String(), Clause: l.Clause, Purposes: l.Purposes, Source: l.Source,
		})
	}
	return out
}

func unpackLimits(in *eventpb.Reader, list []*retentionv1.StorageLimit) []schedule.Limit {
	var out []schedule.Limit
	for _, l := range list {
		period, err := schedule.ParsePeriod(l.GetPeriod())
		if err != nil {
			in.Fail(err)
		}
		out = append(out, schedule.Limit{
			Category: l.GetCategory(), StartsOn: l.GetStartsOn(), Period: period, Clause: l.GetClause(), Purposes: l.GetPurposes(),
			Source: l.GetSource(),
		})
	}
	return out
}
