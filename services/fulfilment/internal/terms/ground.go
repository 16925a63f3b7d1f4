package terms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/fulfilment/law"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/policydoc"
	"habeas.internal/services/internal/rpc/client"
)

const (
	// ErrGround says that the policy has a list of grounds, and this is not on it.
	ErrGround = request.Refusal("DECLINE_GROUND_NOT_LISTED")
	// ErrGroundRight says that the policy lists the ground for other rights.
	ErrGroundRight = request.Refusal("DECLINE_GROUND_NOT_FOR_RIGHT")
)

// ErrPack says that a rule pack that a request has pinned is not in this program.
var ErrPack = errors.New("pinned rule pack is not known")

// Judged is a ground on which a request is to be rejected.
type Judged struct {
	Right    request.Right
	Ground   string
	Evidence string // reference; empty for none
	// Controller: it is the controller's decision, which the processor's own list does
	// not bind.
	Controller bool
	At         time.Time
}

// Ground says on what a rejection rests: the clause of the pinned policy, the
// provisions of the pinned packs, the vocabulary's terms, and where to complain. A
// request.Refusal says that it rests on nothing.
func (p Pinner) Ground(ctx context.Context, tenant string, t request.Terms, j Judged) (request.Rejection, error) {
	ctx = client.WithTenant(ctx, tenant)
	res, err := p.Policies.GetPolicy(ctx, &consentv1.GetPolicyRequest{Policy: t.Policy, Version: t.PolicyVersion})
	if err != nil {
		return request.Rejection{}, fmt.Errorf("get policy: %w", err)
	}
	doc, err := read(res.GetDocument())
	if err != nil {
		return request.Rejection{}, err
	}
	packs, err := p.Pinned(t)
	if err != nil {
		return request.Rejection{}, err
	}
	return doc.judge(packs, j)
}

// Pinned are the packs that apply to a request, as it has pinned them.
func (p Pinner) Pinned(t request.Terms) ([]law.Pack, error) {
	known := append(slices.Clone(p.Packs), p.Known...)
	var out []law.Pack
	for _, pin := range t.Packs {
		i := slices.IndexFunc(known, func(k law.Pack) bool { return k.Ref() == pin.Pack && k.Hash == pin.Hash })
		if i < 0 {
			return nil, ErrPack
		}
		out = append(out, known[i])
	}
	return out, nil
}

// judge: the policy's list binds where it has one, and every pack that grants the
// right has to permit the ground besides.
func (d policy) judge(packs []law.Pack, j Judged) (request.Rejection, error) {
	out := request.Rejection{Ground: j.Ground, Evidence: j.Evidence, At: j.At, ReviewAt: j.At.AddDate(1, 0, 0)}
	code, right := j.Ground, lawful(j.Right)
	listed := len(d.Requests.Decline) > 0 && !j.Controller
	if listed {
		row, err := d.listed(j.Ground, right)
		if err != nil {
			return out, err
		}
		out.Clause = row.Clause
		if row.Justification != "" {
			out.DPV = append(out.DPV, row.Justification)
		}
		if row.RestsOn != "" {
			code = row.RestsOn
		}
	}
	if out.Complaints, out.Authority = d.route(); out.Authority == "" {
		return out, request.Refusal(law.ErrDeclineWithoutRemedy)
	}
	granted := slices.DeleteFunc(slices.Clone(packs), func(p law.Pack) bool { _, ok := p.Clock(right); return !ok })
	if len(granted) == 0 && listed { // no law grants the right: the policy alone does
		return out, nil
	}
	err := law.CheckDecline(packs, law.Decline{
		Right: right, Ground: code, Evidence: j.Evidence != "", NoticeAt: j.At, Remedy: out.Authority,
	})
	var no law.Refusal
	if errors.As(err, &no) {
		return out, request.Refusal(no)
	}
	for _, p := range granted {
		i := slices.IndexFunc(p.Grounds, func(g law.Ground) bool { return g.Code == code })
		out.Rules = append(out.Rules, p.Ref()+": "+p.Grounds[i].Rule)
		if g := p.Grounds[i]; !slices.Contains(out.DPV, g.DPV) {
			out.DPV = append(out.DPV, g.DPV)
		}
	}
	return out, nil
}

// listed is the row of the policy's list for a ground and a right.
func (d policy) listed(code string, r law.Right) (policydoc.Decline, error) {
	i := slices.IndexFunc(d.Requests.Decline, func(g policydoc.Decline) bool { return g.Ground == code })
	switch {
	case i < 0:
		return policydoc.Decline{}, ErrGround
	case !slices.Contains(d.Requests.Decline[i].Rights, string(r)):
		return policydoc.Decline{}, ErrGroundRight
	}
	return d.Requests.Decline[i], nil
}

// route is where the policy sends complaints, and the authority to which they go on.
func (d policy) route() (complaints, authority string) {
	switch d.Complaints.To {
	case "mail":
		complaints = d.Contact.Mail
	case "web":
		complaints = d.Contact.Web
	case "letter":
		complaints = "by letter"
		if d.Contact.Web != "" {
			complaints += ", see " + d.Contact.Web
		}
	}
	return complaints, d.Complaints.Authority
}
