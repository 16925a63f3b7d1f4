package rpc_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/internal/pack"

	"github.com/google/go-cmp/cmp"
)

const shopPolicy = `
title: Shop privacy notice
publisher: Shop, Inc.
categories:
  - {id: user.contact, title: How to reach you, sources: [online], clause: SH-01, ends: {after: account_closed, period: P1Y6M}}
  - {id: user, title: Anything about you, clause: SH-09}
  - {id: user.financial, title: What you paid, clause: SH-02}
purposes:
  - {id: shop.sell, title: Selling you things, basis: contract, categories: [user.contact, user.financial], clause: SH-03}
  - {id: shop.mail, title: Sending news, basis: consent, categories: [user.contact], clause: SH-04}
sharing:
  clause: SH-05
  recipients: [{kind: payment_provider, consent: true, clause: SH-05}]
retention:
  - {rule: tax, category: user.financial, period: P10Y, ground: legal_obligation.tax, authority: 26 CFR 1.6001-1}
  - {rule: other, category: user.financial, systems: [crm], period: P1Y, ground: contract, authority: SH-06}
clauses:
  - {id: SH-01, says: We ask how to reach <b>you</b>.}
  - {id: SH-03, says: We sell.}
  - {id: SH-05, says: Our bank sees payments.}
  - {id: SH-07, says: Nobody refers to this.}
`

func TestAnAnswerSaysWhyForWhomAndHowLong(t *testing.T) {
	s := serve(t)
	s.Peers.Document = shopPolicy
	s.AddSystem("shop")
	c := s.as(t, fake.Tenant, actor, "intake", "agent")
	id := submit(t, c, key1, fulfilmentv1.Right_RIGHT_ACCESS)
	s.Settle()
	verify(t, c, id, key2, s.Peers.Code)
	s.Run(s.Clock.Now().Add(day))
	archive, err := download(t, c, id)
	if err != nil {
		t.Fatal(err)
	}
	var got pack.About
	if err := json.Unmarshal([]byte(member(t, archive, "about.json")), &got); err != nil {
		t.Fatal(err)
	}
	sell := pack.Purpose{ID: "shop.sell", Title: "Selling you things", Basis: "contract", Clause: "SH-03"}
	want := pack.About{
		Policy: "shop", Version: 3, Title: "Shop privacy notice", Publisher: "Shop, Inc.",
		Kinds: []pack.Kind{
			{
				Category: "user.contact", Title: "How to reach you", Where: []string{"shop: customer"}, Clause: "SH-01", Sources: []string{"online"},
				Purposes: []pack.Purpose{sell, {ID: "shop.mail", Title: "Sending news", Basis: "consent", Clause: "SH-04"}},
				Periods:  []pack.Period{{Text: "1 year 6 months", After: "account closed", Authority: "SH-01"}},
			},
			{
				Category: "user.financial", Title: "What you paid", Where: []string{"shop: invoice"}, Clause: "SH-02", Purposes: []pack.Purpose{sell},
				Periods: []pack.Period{{Text: "10 years", After: "it began, by duty", Ground: "legal obligation, tax", Authority: "26 CFR 1.6001-1"}},
			},
			{Category: "user.content", Title: "Anything about you", Where: []string{"shop: ticket"}, Clause: "SH-09"},
		},
		Recipients: []pack.Recipient{{Kind: "payment provider", Consent: true, Clause: "SH-05"}},
		Clauses: []pack.Clause{
			{ID: "SH-01", Says: "We ask how to reach <b>you</b>."}, {ID: "SH-03", Says: "We sell."}, {ID: "SH-05", Says: "Our bank sees payments."},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("about.json (-want +got):\n%s", diff)
	}
	page := member(t, archive, "index.html")
	for _, part := range []string{
		"version 3", "Shop privacy notice", "Selling you things: contract (SH-03); Sending news: consent (SH-04)", "The policy names no purpose for it.",
		"1 year 6 months after account closed (SH-01)", "10 years after it began, by duty, legal obligation, tax (26 CFR 1.6001-1)",
		"payment provider, only if you have agreed (SH-05)", "We ask how to reach &lt;b&gt;you&lt;/b&gt;.",
	} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %q:\n%s", part, page)
		}
	}
}

// member is a file of an archive.
func member(t *testing.T, archive []byte, name string) string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	in, err := z.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
