package fake

import (
	"context"
	"slices"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"

	"google.golang.org/grpc"
)

// ListMarketingDisclosures has every entry of the year that was for marketing as a
// recipient of its own.
func (p *Peers) ListMarketingDisclosures(_ context.Context, r *consentv1.ListMarketingDisclosuresRequest, _ ...grpc.CallOption) (*consentv1.ListMarketingDisclosuresResponse, error) {
	leave, err := p.enter("ListMarketingDisclosures", r.GetPolicy())
	if err != nil {
		return nil, err
	}
	defer leave()
	out := &consentv1.ListMarketingDisclosuresResponse{Year: r.GetYear(), Zone: "UTC"}
	for _, d := range p.Given {
		if d.GetMarketing() && d.GetPolicy() == r.GetPolicy() && d.GetAt().AsTime().Year() == int(r.GetYear()) {
			out.Recipients = append(out.Recipients, &consentv1.Holding{
				Recipient: d.GetRecipient(), Title: d.GetTitle(), Contact: d.GetContact(), Categories: d.GetCategories(),
				Disclosures: 1, First: d.GetAt(), Last: d.GetAt(),
			})
		}
	}
	return out, nil
}

// pageOf is how many entries an accounting has at a time here.
const pageOf = 2

// ListAccounting has every entry, page by page.
func (p *Peers) ListAccounting(_ context.Context, r *consentv1.ListAccountingRequest, _ ...grpc.CallOption) (*consentv1.ListAccountingResponse, error) {
	leave, err := p.enter("ListAccounting", r.GetPageToken())
	if err != nil {
		return nil, err
	}
	defer leave()
	all := p.Given
	if i := slices.IndexFunc(all, func(d *consentv1.Disclosure) bool { return d.GetRecipient() == r.GetPageToken() }); i >= 0 {
		all = all[i:]
	}
	if len(all) <= pageOf {
		return &consentv1.ListAccountingResponse{Disclosures: all}, nil
	}
	return &consentv1.ListAccountingResponse{Disclosures: all[:pageOf], NextPageToken: all[pageOf].GetRecipient()}, nil
}
