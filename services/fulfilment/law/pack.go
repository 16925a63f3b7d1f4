package law

import (
	"errors"
	"fmt"
	"slices"
)

// Right is what a person asks for.
type Right string

// The rights that packs speak of.
const (
	Access         Right = "access"
	Portability    Right = "portability"
	Erasure        Right = "erasure"
	Rectification  Right = "rectification"
	Restriction    Right = "restriction"
	Objection      Right = "objection"
	OptOut         Right = "opt_out"
	Limit          Right = "limit"           // the use of sensitive data
	DisclosureList Right = "disclosure_list" // who received data for direct marketing of their own
	Accounting     Right = "accounting"      // of disclosures of patients' data
	Complaint      Right = "complaint"
	Withdrawal     Right = "withdrawal"   // of consent
	HumanReview    Right = "human_review" // of what a machine has decided
)

// Rights lists all of them.
func Rights() []Right {
	return []Right{Access, Portability, Erasure, Rectification, Restriction, Objection, OptOut, Limit, DisclosureList, Accounting, Complaint, Withdrawal, HumanReview}
}

// Roll is what happens to an end that falls on a day that is not worked.
type Roll string

// Where an end goes.
const (
	RollNone      Roll = "none"      // it stays
	RollFollowing Roll = "following" // it moves to the next working day
)

// Pack is what one law says, as data. It is read from a file that is part of
// the binary; a request pins its name, version and hash.
type Pack struct {
	Name    string // such as "gdpr"
	Version string
	Title   string
	Hash    string // SHA-256 of the file, hex
	Roll    Roll
	Clocks  []Clock
	Pauses  []PauseRule
	Grounds []Ground
	Fees    []FeeRule
	// Remedy says that a refusal must tell where to complain and to sue.
	Remedy bool
}

// Clock is how long an answer to some rights may take.
type Clock struct {
	Rights      []Right
	Rule        string // the provision, such as "Art. 12(3)"
	Base        Period // from receipt
	Otherwise   Period // in place of Base, if it did not arrive at a designated address; zero: no other
	Extended    Period // from receipt too, in total; zero: can't be extended
	Acknowledge Period // from receipt; zero: no duty
}

// PauseRule is a cause that stops the pack's clocks.
type PauseRule struct {
	Cause string // "identity", "clarification" or "fee"
	Rule  string
}

// Ground is a reason for which a request, or a part of it, may be declined.
type Ground struct {
	Code     string  // ours, the same in all packs
	DPV      string  // the term of the Data Privacy Vocabulary
	Rights   []Right // empty: all of the pack
	Rule     string
	Evidence bool // the burden of proof is ours: evidence must be on record
}

// FeeRule is a reason for which a fee may be asked.
type FeeRule struct {
	Code   string
	Rights []Right
	Rule   string
}

// Ref is the pack as "name@version".
func (p Pack) Ref() string { return p.Name + "@" + p.Version }

// Clock is the pack's clock for a right.
func (p Pack) Clock(r Right) (Clock, bool) {
	for _, c := range p.Clocks {
		if slices.Contains(c.Rights, r) {
			return c, true
		}
	}
	return Clock{}, false
}

// ErrPack says that a pack contradicts itself.
var ErrPack = errors.New("rule pack is not valid")

// Check finds what is wrong with a pack: a clock without an end, a right with
// two clocks, an extension that shortens, what has no provision behind it.
func (p Pack) Check() error {
	if p.Name == "" || p.Version == "" || p.Title == "" || len(p.Clocks) == 0 {
		return fmt.Errorf("%w: name, version, title and clocks are needed", ErrPack)
	}
	if p.Roll != RollNone && p.Roll != RollFollowing {
		return fmt.Errorf("%w: roll %q", ErrPack, p.Roll)
	}
	seen := map[Right]bool{}
	for _, c := range p.Clocks {
		if err := c.check(seen); err != nil {
			return err
		}
	}
	return errors.Join(p.checkPauses(), p.checkGrounds())
}

func (c Clock) check(seen map[Right]bool) error {
	if c.Rule == "" || c.Base.IsZero() || len(c.Rights) == 0 {
		return fmt.Errorf("%w: a clock needs rights, rule and base", ErrPack)
	}
	for _, r := range c.Rights {
		if seen[r] || !slices.Contains(Rights(), r) {
			return fmt.Errorf("%w: right %q is unknown or has two clocks", ErrPack, r)
		}
		seen[r] = true
	}
	day := Date{Year: 2026, Month: 1, Day: 1}
	if !c.Extended.IsZero() && c.Extended.From(day, Calendar{}).Compare(c.Base.From(day, Calendar{})) <= 0 {
		return fmt.Errorf("%w: %s: the extended period is no longer than the base", ErrPack, c.Rule)
	}
	return nil
}

func (p Pack) checkPauses() error {
	for i, r := range p.Pauses {
		twice := slices.ContainsFunc(p.Pauses[:i], func(o PauseRule) bool { return o.Cause == r.Cause })
		if r.Cause == "" || r.Rule == "" || twice {
			return fmt.Errorf("%w: pause %q needs a rule and may stand once", ErrPack, r.Cause)
		}
	}
	return nil
}

func (p Pack) checkGrounds() error {
	for i, g := range p.Grounds {
		twice := slices.ContainsFunc(p.Grounds[:i], func(o Ground) bool { return o.Code == g.Code })
		if g.Code == "" || g.Rule == "" || g.DPV == "" || twice || !known(g.Rights) {
			return fmt.Errorf("%w: ground %q needs a rule, a term and known rights, and may stand once", ErrPack, g.Code)
		}
	}
	for _, f := range p.Fees {
		if f.Code == "" || f.Rule == "" || len(f.Rights) == 0 || !known(f.Rights) {
			return fmt.Errorf("%w: fee %q needs a rule and known rights", ErrPack, f.Code)
		}
	}
	return nil
}

func known(rights []Right) bool {
	return !slices.ContainsFunc(rights, func(r Right) bool { return !slices.Contains(Rights(), r) })
}
