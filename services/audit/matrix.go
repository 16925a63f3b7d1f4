package audit

import (
	"fmt"
	"slices"
	"strings"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/internal/policydoc"
)

// Why a use lies outside a policy.
const (
	whyNoPolicy = "POLICY_NOT_IN_FORCE"
	whyPurpose  = "PURPOSE_NOT_DESCRIBED"
	whyCategory = "CATEGORY_UNKNOWN"
	whyMatrix   = "PURPOSE_NOT_FOR_CATEGORY"
	whyGround   = "GROUND_UNKNOWN"

	whyUnreadable = "DESCRIPTION_UNREADABLE"
)

// version is one of a policy, as the log tells of it.
type version struct {
	number    uint32
	doc       policydoc.Document
	effective time.Time
	inForce   time.Time // zero: it was not posted
}

// matrices are the policies of one tenant, by id.
type matrices map[string][]version

// publish adds a version. A document that was published can be read.
func (m matrices) publish(e *consentv1.PolicyPublished) error {
	doc, err := policydoc.Read(e.GetDocument())
	if err != nil {
		return fmt.Errorf("read version %d of policy %s: %w", e.GetVersion(), e.GetPolicy(), err)
	}
	m[e.GetPolicy()] = append(m[e.GetPolicy()], version{number: e.GetVersion(), doc: doc, effective: e.GetEffectiveAt().AsTime()})
	return nil
}

// post puts a version in force: the first one from the moment that the posting
// names, a later one not before that was recorded, and none before its day.
func (m matrices) post(e *consentv1.PolicyPosted) {
	for i, v := range m[e.GetPolicy()] {
		if v.number != e.GetVersion() {
			continue
		}
		from := later(v.effective, e.GetPostedAt().AsTime())
		if v.number > 1 {
			from = later(from, e.GetRecordedAt().AsTime())
		}
		m[e.GetPolicy()][i].inForce = from
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// at is the version of a policy that decides on a datum: the one that the use names,
// or the newest in force at the moment.
func (m matrices) at(policy string, number uint32, at time.Time) (version, bool) {
	for _, v := range slices.Backward(m[policy]) {
		if in := !v.inForce.IsZero() && !v.inForce.After(at); in && (number == 0 || number == v.number) {
			return v, true
		}
	}
	return version{}, false
}

// verdict is why a use lies outside, and by which clause; empty: it does not.
type verdict struct{ why, clause string }

// judge holds a purpose and a kind of data against the matrix. What a policy lets
// people opt out of, or consent to, beyond what it describes is no use outside it.
func (v version) judge(purpose, category string) verdict {
	if id, ok := strings.CutPrefix(purpose, policydoc.ReservedPurpose); ok {
		if slices.ContainsFunc(v.doc.Grounds, func(g policydoc.Ground) bool { return g.ID == id }) {
			return verdict{}
		}
		return verdict{whyGround, v.doc.Sharing.Clause}
	}
	c, known := v.category(category)
	p, described := v.purpose(purpose)
	closed := v.doc.Undescribed.Mode != "offer"
	switch {
	case !known:
		return verdict{whyCategory, v.doc.Scope.Clause}
	case !described && closed:
		return verdict{whyPurpose, v.doc.Undescribed.Clause}
	case !described, slices.Contains(p.Categories, c.ID):
		return verdict{}
	case !closed && p.Basis != "legal" && v.asks(c, p):
		return verdict{} // consent decides, which the register asked for
	}
	return verdict{whyMatrix, v.doc.Matrix.Clause}
}

// asks reports whether a use of data beyond the matrix asks the person.
func (v version) asks(c policydoc.Category, p policydoc.Purpose) bool {
	return v.doc.Consent.Registration != nil && c.Registration && !slices.Contains(c.CollectedFor, p.ID) ||
		v.doc.Consent.Sensitive != nil && c.Sensitive
}

// describes reports whether a purpose is one of the policy's, or one of its grounds.
func (v version) describes(purpose string) bool {
	id, ground := strings.CutPrefix(purpose, policydoc.ReservedPurpose)
	if ground {
		return slices.ContainsFunc(v.doc.Grounds, func(g policydoc.Ground) bool { return g.ID == id })
	}
	_, ok := v.purpose(purpose)
	return ok
}

func (v version) purpose(id string) (policydoc.Purpose, bool) {
	i := slices.IndexFunc(v.doc.Purposes, func(p policydoc.Purpose) bool { return p.ID == id })
	if i < 0 {
		return policydoc.Purpose{}, false
	}
	return v.doc.Purposes[i], true
}

// category finds a kind of data by the policy's name.
func (v version) category(id string) (policydoc.Category, bool) {
	i := slices.IndexFunc(v.doc.Categories, func(c policydoc.Category) bool { return c.ID == id })
	if i < 0 {
		return policydoc.Category{}, false
	}
	return v.doc.Categories[i], true
}

// declares judges a declared use, whose data may be named as the policy or as
// fideslang does: one category that is meant is enough. Nobody was asked about it,
// so that what is not described lies outside.
func (v version) declares(purpose, category string) verdict {
	if !v.describes(purpose) {
		return verdict{whyPurpose, v.doc.Undescribed.Clause}
	}
	said := v.judge(purpose, category)
	for _, c := range v.doc.Categories {
		if c.Fides == category && (said.why == whyCategory || said.why == whyMatrix) {
			said = v.judge(purpose, c.ID)
		}
	}
	return said
}
