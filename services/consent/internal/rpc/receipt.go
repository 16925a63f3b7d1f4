package rpc

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/check"
	"habeas.internal/services/consent/internal/wire"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/consent/policy"
	"habeas.internal/services/internal/policydoc"
	"habeas.internal/services/internal/receipt"

	"github.com/google/uuid"
)

// GetConsentReceipt returns the record of a person's consent under a policy,
// signed. It is about the reference that was asked about, and no other.
func (s *ConsentServer) GetConsentReceipt(ctx context.Context, r *consentv1.GetConsentReceiptRequest) (*consentv1.GetConsentReceiptResponse, error) {
	if err := own(ctx, r.GetSubjectRef()); err != nil {
		return nil, err
	}
	round, err := s.log.round(ctx, &consentv1.CheckRequest{})
	if err != nil {
		return nil, err
	}
	rules, err := round.policy(ctx, r.GetPolicy())
	if err != nil {
		return nil, err
	}
	if _, err := version(rules, 0); err != nil {
		return nil, err
	}
	v, _, ok := rules.inForce(round.now)
	if !ok {
		return nil, ErrNotInForce
	}
	acts, err := round.person(ctx, r.GetSubjectRef())
	if err != nil {
		return nil, err
	}
	doc, err := policydoc.Read(v.Document)
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	agg := personAggregate(ctx, r.GetSubjectRef())
	record := receipt.Record{
		Schema: receipt.Schema, ID: derived("record", agg.Tenant, agg.ID, r.GetPolicy()), Principal: r.GetSubjectRef(),
		Processing: processing(doc, v), Events: receiptEvents(recorded(acts, round.now), r),
	}
	state := stateAt(acts, round.now)
	record.Processing.Purposes = receiptPurposes(doc, state, round.now)
	record.Processing.Language = language(record.Events)
	file, err := receipt.Sign(receipt.Receipt{
		Schema: receipt.Schema, ID: derived("receipt", record.ID, v.Hash, fmt.Sprint(len(record.Events))), IssuedAt: round.now.UTC(), Record: record,
	}, s.log.Key)
	if err != nil {
		return nil, err
	}
	return &consentv1.GetConsentReceiptResponse{Receipt: file}, nil
}

// derived is an id that the same thing always gets: a UUID of the random form,
// as the specification wants it.
func derived(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	id := uuid.UUID(sum[:16])
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id.String()
}

// processing is what a document says of what is done with data. What it does not
// say is said to be not stated.
func processing(d policydoc.Document, v policy.Version) receipt.Processing {
	out := receipt.Processing{
		Notice:       receipt.Notice{Policy: d.Policy, Version: v.Number, TextHash: v.TextHash, PostedAt: v.PostedAt.UTC()},
		Controllers:  []receipt.Party{{ID: d.Policy, Name: d.Publisher, Address: receipt.NotStated, Contact: receipt.NotStated, Type: d.Role}},
		Jurisdiction: d.Zone, Rules: append([]string{}, d.Rules...), ThirdParties: []string{}, PrivacyRights: []string{}, Storage: d.Regions.Allowed,
		Withdrawal: "in the same place as consent is given, or by WithdrawAll; at once and without a reason",
	}
	if len(out.Storage) == 0 {
		out.Storage = []string{receipt.NotStated}
	}
	if c := d.Contact; c != nil {
		out.Controllers[0].Contact = cmp.Or(c.Mail, c.Web, receipt.NotStated)
	}
	sources := map[string]bool{}
	for _, c := range d.Categories {
		for _, s := range c.Sources {
			sources[s] = true
		}
	}
	out.Collection = slices.Sorted(maps.Keys(sources))
	for _, r := range d.Sharing.Recipients {
		out.ThirdParties = append(out.ThirdParties, r.Kind)
	}
	for _, r := range d.Requests.Rights {
		out.PrivacyRights = append(out.PrivacyRights, r.Right)
	}
	return out
}

// receiptPurposes are those on which the person has decided.
func receiptPurposes(d policydoc.Document, s person.Person, now time.Time) []receipt.Purpose {
	kinds := map[string]policydoc.Category{}
	for _, c := range d.Categories {
		kinds[c.ID] = c
	}
	described := map[string]policydoc.Purpose{}
	for _, p := range d.Purposes {
		described[p.ID] = p
	}
	out := []receipt.Purpose{}
	for _, t := range s.Under(d.Policy) {
		p := described[t.Name]
		row := receipt.Purpose{
			Purpose: t.Name, Title: p.Title, Basis: check.Basis(p.Basis).DPV(), Status: wire.DPV(s.Purposes[t].At(now)),
			PII: []receipt.PII{},
		}
		for _, id := range p.Categories {
			c := kinds[id]
			pii := receipt.PII{Type: id, Title: c.Title, Sensitive: c.Sensitive, Retention: receipt.NotStated}
			if c.Ends != nil {
				pii.Retention = c.Ends.Period + " after " + c.Ends.After
			}
			row.PII = append(row.PII, pii)
		}
		out = append(out, row)
	}
	return out
}

// receiptEvents are the acts under a policy, in the order they were recorded.
func receiptEvents(decisions []*consentv1.RecordedDecision, r *consentv1.GetConsentReceiptRequest) []receipt.Event {
	out := []receipt.Event{}
	for _, d := range decisions {
		if d.GetPolicy() != r.GetPolicy() || d.GetProvider() != "" {
			continue
		}
		c := d.GetCircumstances()
		e := receipt.Event{
			Time: d.GetDecidedAt().AsTime(), RecordedAt: d.GetRecordedAt().AsTime(), Validity: lasting(d), State: d.GetStatus(),
			Purpose: d.GetPurpose(), Category: d.GetCategory(), Version: d.GetVersion(), Notice: c.GetNotice(), TextHash: c.GetTextHash(),
			Language: c.GetLanguage(), Method: c.GetMethod(), Channel: c.GetChannel(), Entity: r.GetSubjectRef(),
			Type: "dpv:ExplicitlyExpressedConsent",
		}
		if d.GetExpression() == consentv1.Expression_EXPRESSION_IMPLIED {
			e.Type = "dpv:ImpliedConsent"
		}
		if c.GetActorRef() != "" {
			e.Entity = c.GetActorRef()
		}
		out = append(out, e)
	}
	return out
}

// lasting is how long a decision is valid.
func lasting(d *consentv1.RecordedDecision) string {
	switch s := wire.Status(d.GetDecision()); {
	case d.GetExpiresAt() != nil:
		return "until " + d.GetExpiresAt().AsTime().Format(time.RFC3339)
	case s == person.Given || s == person.Renewed:
		return "until withdrawn"
	}
	return "until given anew"
}

// language is that in which the person was last asked.
func language(events []receipt.Event) string {
	for _, e := range slices.Backward(events) {
		if e.Language != "" {
			return e.Language
		}
	}
	return receipt.NotStated
}
