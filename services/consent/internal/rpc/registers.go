package rpc

import (
	"context"
	"fmt"
	"slices"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/disclosure"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/rpc/fault"
)

// registers are the entries of a person under all references that are theirs
// now, and the round in which they were read.
func (s *DisclosureServer) registers(ctx context.Context, subject string) (*round, []disclosure.Disclosed, error) {
	if err := own(ctx, subject); err != nil {
		return nil, nil, err
	}
	round, err := s.log.round(ctx, &consentv1.CheckRequest{})
	if err != nil {
		return nil, nil, err
	}
	known, err := round.then(ctx, subject, round.now, stateAt)
	if err != nil {
		return nil, nil, err
	}
	var all []disclosure.Disclosed
	for _, ref := range append([]string{subject}, known.others...) {
		agg := registerAggregate(ctx, ref)
		if err := s.log.sameToken(ctx, agg); err != nil {
			return nil, nil, err
		}
		entries, _, err := s.log.register(ctx, agg)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, entries...)
	}
	return round, all, nil
}

// ListMarketingDisclosures says who got data for direct marketing of their own
// in a year.
func (s *DisclosureServer) ListMarketingDisclosures(ctx context.Context, r *consentv1.ListMarketingDisclosuresRequest) (*consentv1.ListMarketingDisclosuresResponse, error) {
	round, entries, err := s.registers(ctx, r.GetSubjectRef())
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
	_, compiled, ok := rules.inForce(round.now)
	if !ok {
		return nil, ErrNotInForce
	}
	zone, err := time.LoadLocation(compiled.Zone)
	if err != nil {
		return nil, fmt.Errorf("load the zone of policy %s: %w", r.GetPolicy(), err)
	}
	last := round.now.In(zone).Year() - 1
	year := int(r.GetYear())
	if year == 0 {
		year = last
	}
	if year > last {
		return nil, fault.FieldErrors{{Field: "year", Rule: "NOT_OVER", Text: "must be a calendar year that is over"}}
	}
	holdings, err := s.holdings(ctx, disclosure.Marketed(entries, r.GetPolicy(), year, zone))
	return &consentv1.ListMarketingDisclosuresResponse{Year: uint32(year), Zone: compiled.Zone, Recipients: holdings}, err //nolint:gosec // a year of the calendar
}

// ListAccounting accounts for disclosures of patients' data.
func (s *DisclosureServer) ListAccounting(ctx context.Context, r *consentv1.ListAccountingRequest) (*consentv1.ListAccountingResponse, error) {
	offset, err := pageOffset(r.GetPageToken())
	if err != nil {
		return nil, err
	}
	round, entries, err := s.registers(ctx, r.GetSubjectRef())
	if err != nil {
		return nil, err
	}
	from := disclosure.AccountedFrom(round.now)
	policies := map[string]rules{}
	for _, e := range entries {
		if _, known := policies[e.Policy]; known {
			continue
		}
		if policies[e.Policy], err = round.policy(ctx, e.Policy); err != nil {
			return nil, err
		}
	}
	accounted := disclosure.Accounted(entries, from, func(e disclosure.Disclosed) bool { return policies[e.Policy].unaccounted(e) })
	rows, next := page(accounted, offset, r.GetPageSize())
	listed := new(consentv1.ListDisclosuresResponse)
	if err := s.describe(ctx, rows, listed); err != nil {
		return nil, err
	}
	return &consentv1.ListAccountingResponse{Disclosures: listed.GetDisclosures(), From: eventpb.Stamp(from), NextPageToken: next}, nil
}

// unaccounted reports whether nobody accounts for an entry: nothing in it is
// patients' data, or its purpose is treatment, payment or operations. A version
// that can't be found exempts nothing.
func (r rules) unaccounted(e disclosure.Disclosed) bool {
	if e.Version == 0 || int64(e.Version) > int64(len(r.compiled)) {
		return false
	}
	c := r.compiled[e.Version-1]
	return c.Unaccounted[e.Purpose] || !slices.ContainsFunc(e.Categories, func(id string) bool { return c.Version.Categories[id].Associate })
}

// ListRecipientsOf says who holds what.
func (s *DisclosureServer) ListRecipientsOf(ctx context.Context, r *consentv1.ListRecipientsOfRequest) (*consentv1.ListRecipientsOfResponse, error) {
	_, entries, err := s.registers(ctx, r.GetSubjectRef())
	if err != nil {
		return nil, err
	}
	holdings, err := s.holdings(ctx, entries)
	return &consentv1.ListRecipientsOfResponse{Recipients: holdings}, err
}

// holdings are what recipients got by entries, with how to reach them.
func (s *DisclosureServer) holdings(ctx context.Context, entries []disclosure.Disclosed) (out []*consentv1.Holding, err error) {
	for _, h := range disclosure.Given(entries) {
		to, _, err := s.log.recipientAt(ctx, recipientAggregate(ctx, h.Recipient), time.Time{})
		if err != nil {
			return nil, err
		}
		who := to.state.Profile
		out = append(out, &consentv1.Holding{
			Recipient: h.Recipient, Kind: who.Kind, Title: who.Title, Contact: who.Contact, Categories: h.Categories, Purposes: h.Purposes,
			Disclosures: h.Disclosures, First: eventpb.Stamp(h.First), Last: eventpb.Stamp(h.Last),
		})
	}
	return out, nil
}
