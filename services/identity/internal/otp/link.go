package otp

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"habeas.internal/services/identity/verification"
	"habeas.internal/services/internal/es"
)

// Page is the address of the page on which a person confirms by a link; empty
// for none. The request and the secret are behind the "#", which no browser and
// no scanner of mails sends to a server: opening the page confirms nothing, the
// page's button does, by handing in the secret as it would a code.
type Page string

// ErrPage says that the address of the page is none that a secret may stand in.
var ErrPage = errors.New("page of links must be an https address without a fragment")

// NewPage checks an address.
func NewPage(address string) (Page, error) {
	if address == "" {
		return "", nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || strings.Contains(address, "#") || u.User != nil {
		return "", ErrPage
	}
	return Page(address), nil
}

// link is the address that a person opens.
func (p Page) link(request, secret string) string { return string(p) + "#" + request + "." + secret }

func digest(secret string) []byte {
	sum := sha256.Sum256([]byte("habeas-link/v1/" + secret))
	return sum[:]
}

// linked compares what was handed in with the link that was sent last, in
// constant time, and as long if none was sent.
func linked(s verification.Verification, typed string) bool {
	typed = strings.ToLower(strings.TrimSpace(typed))
	return subtle.ConstantTimeCompare(s.Link, digest(typed)) == 1
}

// issue draws a link's secret and records its digest; the secret itself is in
// the mail alone. A mail that is sent again has another.
func (d Delivery) issue(ctx context.Context, r es.Recorded, s verification.Verification) (string, error) {
	if d.Page == "" {
		return "", nil
	}
	secret, err := es.NewID(d.Desk.Random)
	if err != nil {
		return "", fmt.Errorf("draw link: %w", err)
	}
	res, err := d.Desk.Verifications.Handle(ctx, r.Aggregate, Command{
		ID: es.DeriveID(r.Aggregate.Tenant, "link/"+r.Aggregate.ID, secret), At: d.Desk.Now(), Data: verification.IssueLink{Digest: digest(secret)},
		Meta: es.Meta{Correlation: r.Meta.Correlation, Causation: es.EventID(r.ID, 0)},
	})
	if err != nil {
		return "", fmt.Errorf("record link: %w", err)
	}
	if len(res.Events) == 0 {
		return "", nil
	}
	return d.Page.link(s.Request, secret), nil
}
