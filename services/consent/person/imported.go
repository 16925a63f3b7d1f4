package person

import "time"

// Provenance says from where a decision was imported; the zero value, that it was
// not.
type Provenance struct {
	Import string
	Row    uint64 // of its file, from 1
}

// Import records acts that another system has kept, each on its own: one that
// breaks a rule is refused, and the others stand. A row that was decided before is
// passed over.
type Import struct {
	ID   string
	Rows []Row
	At   time.Time
}

// Row is an act on one thing.
type Row struct {
	Number    uint64
	Policy    string
	Version   uint32 // that the person saw
	Choice    Choice
	Evidence  string
	DecidedAt time.Time

	Circumstances Circumstances
}

func (Import) command() {}

const (
	// ErrAhead refuses an imported act that lies in the future.
	ErrAhead = Refusal("DECIDED_IN_FUTURE")
	// ErrOnBehalf refuses an imported yes of somebody else for the person: whether
	// they might can't be asked any more.
	ErrOnBehalf = Refusal("ON_BEHALF_NOT_IMPORTED")
)

// Verdict is what becomes of a row.
type Verdict struct {
	Row     uint64
	Refusal Refusal // empty: it is recorded
}

// Verdicts are what c makes of its rows, in a state in which it was not decided or
// is decided already.
func Verdicts(s Person, c Import) []Verdict {
	_, out := importing(s, c)
	return out
}

// importing decides row by row. A refusal makes nobody known.
func importing(s Person, c Import) ([]Event, []Verdict) {
	var out []Event
	verdicts := make([]Verdict, len(c.Rows))
	after := s
	for i, row := range c.Rows {
		from := Provenance{Import: c.ID, Row: row.Number}
		verdicts[i].Row = row.Number
		before, done := after.Imported[from]
		if done {
			verdicts[i].Refusal = before
			continue
		}
		r := row.forbidden(after, c.At)
		verdicts[i].Refusal = r
		var ev Event
		switch {
		case r == "":
			ev = row.recorded(from, c.At)
		case after.Since.IsZero():
			continue
		default:
			ev = DecisionRefused{Policy: row.Policy, Reason: r.Reason(), Provenance: from}
		}
		after, out = Evolve(after, ev), append(out, ev)
	}
	if len(out) > 0 {
		out = append(expired(s, c.At), out...)
	}
	return out, verdicts
}

// forbidden is the rule that a row breaks.
func (r Row) forbidden(s Person, at time.Time) Refusal {
	gives := r.Choice.Status == Given || r.Choice.Status == Renewed
	who := r.Circumstances.Actor
	switch {
	case r.DecidedAt.After(at):
		return ErrAhead
	case gives && (who == Guardian || who == Agent):
		return ErrOnBehalf
	case gives && s.chosen(r.Policy, r.Choice).Kept:
		return ErrKept
	}
	return forbids(s, Record{Policy: r.Policy, Evidence: r.Evidence, DecidedAt: r.DecidedAt}, r.Choice)
}

func (r Row) recorded(from Provenance, at time.Time) DecisionRecorded {
	return DecisionRecorded{
		Policy: r.Policy, Purpose: r.Choice.Purpose, Category: r.Choice.Category, Circumstances: r.Circumstances, Provenance: from,
		Decision: Decision{
			Status: r.Choice.Status, Explicit: r.Choice.Explicit, Evidence: r.Evidence, Version: r.Version, DecidedAt: r.DecidedAt,
			RecordedAt: at, Recipients: r.Choice.Recipients, ExpiresAt: r.Choice.ExpiresAt,
		},
	}
}

// took remembers what became of a row.
func (s Person) took(from Provenance, r Refusal) Person {
	if from != (Provenance{}) {
		s.Imported = with(s.Imported, from, r)
	}
	return s
}
