package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"habeas.internal/services/internal/rpc/auth"
)

// ErrAway says that a provider's keys can't be had, so that no token of it can be
// judged. Nothing is counted then.
var ErrAway = errors.New("identity provider is not reached")

const (
	// againAfter is the least time between two attempts to reach a provider for
	// the first time.
	againAfter = 10 * time.Second
	// mostIssuers bounds the providers whose keys are remembered.
	mostIssuers = 1024
)

// Book keeps the keys of tenants' providers: fetched when first needed, every
// ten minutes anew, and the last good ones for an hour when that fails. It may be
// used by several goroutines. Make one with NewBook.
type Book struct {
	client *http.Client
	now    func() time.Time
	report func(error)

	mu    sync.Mutex
	pages map[string]*page // by issuer
}

// page is one provider's. Its lock is held while the provider is reached for the
// first time; who else asks for it waits as long.
type page struct {
	mu     sync.Mutex
	issuer *auth.Issuer
	next   time.Time
}

// NewBook makes a Book. The client must verify certificates; report is told when
// a provider is not reached.
func NewBook(client *http.Client, now func() time.Time, report func(error)) *Book {
	return &Book{client: client, now: now, report: report, pages: map[string]*page{}}
}

// Keys are those of an issuer, or ErrAway.
func (b *Book) Keys(ctx context.Context, issuer string) (auth.Keys, error) {
	p := b.page(issuer)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.issuer == nil {
		if err := b.open(ctx, p, issuer); err != nil {
			return nil, err
		}
	}
	if !p.issuer.Current() {
		p.issuer.Find("") // tries to reach it, if that is due
	}
	if !p.issuer.Current() {
		return nil, ErrAway
	}
	return p.issuer.Find, nil
}

func (b *Book) open(ctx context.Context, p *page, issuer string) error {
	if b.now().Before(p.next) {
		return ErrAway
	}
	p.next = b.now().Add(againAfter)
	opened, err := auth.OpenIssuer(context.WithoutCancel(ctx), auth.IssuerConfig{URL: issuer, Client: b.client, Now: b.now, Report: b.report})
	if err != nil {
		b.report(fmt.Errorf("reach identity provider: %w", err))
		return ErrAway
	}
	p.issuer = opened
	return nil
}

// page is an issuer's. When there are too many, any other leaves.
func (b *Book) page(issuer string) *page {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.pages[issuer]; p != nil {
		return p
	}
	for other := range b.pages {
		if len(b.pages) < mostIssuers {
			break
		}
		delete(b.pages, other)
	}
	p := &page{}
	b.pages[issuer] = p
	return p
}
