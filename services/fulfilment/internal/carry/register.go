package carry

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"
	"strings"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/pack"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/personal"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// The register of disclosures, as a system of a manifest: consent keeps it, and it
// answers the rights that ask for a list.
const registerCollection = "disclosures"

func registerPart(r request.Right) connector.Part {
	if r == request.Accounting {
		return connector.Part{Collection: registerCollection, Category: "disclosures.accounting"}
	}
	return connector.Part{Collection: registerCollection, Category: "disclosures.marketing"}
}

// planList fixes the scope of a list: the register, and nothing else.
func (j *journey) planList(ctx context.Context) error {
	key, err := es.NewID(j.cfg.Random)
	if err != nil {
		return err
	}
	found, err := j.register().Locate(ctx, connector.Person{Key: []byte(key)})
	if err != nil {
		return err
	}
	part := registerPart(j.s.Right)
	if err := j.point(PointPlanned); err != nil {
		return err
	}
	return j.note(ctx, request.StepPlan, request.CommitManifest{
		Leaves: []request.Planned{{
			Leaf: 1, System: request.OwnSystem, Collection: part.Collection, Category: part.Category,
			Decision: request.Collect, Rows: found[0].Rows,
		}},
		DigestKey: personal.Clear(key), At: j.cfg.Now(),
	})
}

// register is what is known of the person's disclosures.
func (j *journey) register() register {
	return register{
		DisclosureServiceClient: j.cfg.Peers.Disclosures, right: j.s.Right, subject: j.s.SubjectRef, policy: j.s.Terms.Policy, year: j.s.Terms.Year,
	}
}

// register reads lists of disclosures as rows. A right reads one of them.
type register struct {
	consentv1.DisclosureServiceClient
	right           request.Right
	subject, policy string
	year            uint32
}

// Locate counts the rows. The digest is that of their names.
func (r register) Locate(ctx context.Context, p connector.Person) ([]connector.Found, error) {
	f := connector.Found{Part: registerPart(r.right)}
	digest := hmac.New(sha256.New, p.Key)
	err := r.Collect(ctx, p, func(row connector.Row) error {
		f.Rows++
		return digested(digest, row)
	})
	if f.Rows > 0 {
		digest.Sum(f.Digest[:0])
	}
	return []connector.Found{f}, err
}

func digested(to hash.Hash, row connector.Row) error {
	_, err := fmt.Fprintf(to, "%q\n", fmt.Sprint(row.Columns[0].Value, row.Columns[1].Value))
	return err
}

// Collect gives every row to yield.
func (r register) Collect(ctx context.Context, _ connector.Person, yield func(connector.Row) error) error {
	if r.right == request.Accounting {
		return r.accounting(ctx, yield)
	}
	got, err := r.ListMarketingDisclosures(ctx, &consentv1.ListMarketingDisclosuresRequest{
		SubjectRef: r.subject, Policy: r.policy, Year: r.year,
	})
	if err != nil {
		return fmt.Errorf("list disclosures for marketing: %w", err)
	}
	for _, h := range got.GetRecipients() {
		err := yield(row(
			"recipient", h.GetRecipient(), "organisation", h.GetTitle(), "contact", h.GetContact(), "kind", spelled(h.GetKind()),
			"kinds_of_data", strings.Join(h.GetCategories(), ", "), "purposes", strings.Join(h.GetPurposes(), ", "),
			"times", int64(h.GetDisclosures()), "first", moment(h.GetFirst()), "last", moment(h.GetLast()),
		))
		if err != nil {
			return err
		}
	}
	return nil
}

func (r register) accounting(ctx context.Context, yield func(connector.Row) error) error {
	token := ""
	for {
		got, err := r.ListAccounting(ctx, &consentv1.ListAccountingRequest{SubjectRef: r.subject, PageToken: token})
		if err != nil {
			return fmt.Errorf("list accounting: %w", err)
		}
		for _, d := range got.GetDisclosures() {
			err := yield(row(
				"number", int64(d.GetNumber()), "date", moment(d.GetAt()), "organisation", d.GetTitle(), "contact", d.GetContact(),
				"kinds_of_data", strings.Join(d.GetCategories(), ", "), "purpose", d.GetPurpose(), "basis", spelled(d.GetBasis()),
				"clause", d.GetClause(),
			))
			if err != nil {
				return err
			}
		}
		if token = got.GetNextPageToken(); token == "" {
			return nil
		}
	}
}

// Close lets go of nothing.
func (register) Close() error { return nil }

// row has columns by name and value.
func row(pairs ...any) connector.Row {
	r := connector.Row{Collection: registerCollection}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		r.Columns = append(r.Columns, connector.Column{Name: name, Value: pairs[i+1]})
	}
	return r
}

func moment(t *timestamppb.Timestamp) any {
	if t == nil {
		return nil
	}
	return t.AsTime().UTC().Truncate(time.Second)
}

// heading is how the page of a package begins; the usual one if empty.
func (j *journey) heading() pack.Heading {
	switch j.s.Right {
	case request.DisclosureList:
		return pack.Heading{
			Title: fmt.Sprintf("Who was given your data for marketing in %d", j.s.Terms.Year),
			Says: fmt.Sprintf("It lists everybody whom we gave data of yours in %d for direct marketing of their own, with the kinds "+
				"of data and how to reach them (California Civil Code 1798.83).", j.s.Terms.Year),
			None: fmt.Sprintf("In %d we gave nobody your data for direct marketing of their own.", j.s.Terms.Year),
		}
	case request.Accounting:
		return pack.Heading{
			Title: "To whom your health data was disclosed",
			Says: "It accounts for six years before it was made, but not for treatment, payment and health care operations " +
				"(45 CFR 164.528).",
			None: "In these six years no such disclosure was made.",
		}
	}
	return pack.Heading{}
}
