package fake

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"sync"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/mail"
	"habeas.internal/services/fulfilment/system"
)

// Tenant is the tenant of the tests.
const Tenant = "acme"

// Row is a row of a person in a collection, one value for each category.
type Row struct {
	Owner      string // e-mail address
	Collection string
	Values     map[string]string // by category; "" is masked
	Fixed      map[string]bool   // categories that can't be taken out
	Shared     bool              // it is others' as well
}

// Holder is a system that holds rows.
type Holder struct {
	mu         sync.Mutex
	Name       string
	Rows       []Row
	Collection []connector.Part // described
	Down       connector.Error  // it answers nothing else while set
	Broken     connector.Error  // it fails to erase while set
	Lies       bool             // it says that it has erased, and has not
	Permitted  func() bool      // whether it may be changed now
	Violations int              // times it was changed without leave
	Erasures   int
	// Described names a collection that the description says to keep.
	Described string
	// Anchored: a person is found by the address in their row of customer, and
	// not at all once that is gone.
	Anchored bool
	// Chunked: each collection is committed by itself, customer last.
	Chunked bool
}

// Systems opens holders by their names.
type Systems struct{ Holders map[string]*Holder }

// Open opens a holder.
func (s Systems) Open(_ context.Context, _ string, d system.Description) (connector.System, error) {
	h := s.Holders[d.System]
	if h == nil {
		return nil, connector.ErrUnreachable
	}
	return h, h.down()
}

// Parts are what a holder's description names.
func (s Systems) Parts(d system.Description) ([]connector.Part, error) {
	h := s.Holders[d.System]
	if h == nil {
		return nil, connector.ErrMismatch
	}
	return slices.Clone(h.Collection), nil
}

func (h *Holder) down() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.Down != "" {
		return h.Down
	}
	return nil
}

// Set changes the holder while it is in use.
func (h *Holder) Set(change func(h *Holder)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change(h)
}

// Of counts the values that an owner still has.
func (h *Holder) Of(owner string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.Rows {
		if r.Owner == owner {
			n += len(r.Values)
		}
	}
	return n
}

// Check finds nothing to say.
func (h *Holder) Check(context.Context) ([]string, error) {
	if err := h.down(); err != nil {
		return nil, err
	}
	return []string{"customer.note is not described"}, nil
}

// Unnamed is nothing.
func (h *Holder) Unnamed(context.Context) ([]connector.Unnamed, error) { return nil, h.down() }

// IdentityColumns is one column for e-mail.
func (h *Holder) IdentityColumns(kind string) []string {
	if kind == "email" {
		return []string{"customer.email"}
	}
	return nil
}

func (h *Holder) known(p connector.Person, owner string) bool {
	if !slices.ContainsFunc(p.Identifiers, func(i connector.Identifier) bool { return i.Value == owner }) {
		return false
	}
	return !h.Anchored || slices.ContainsFunc(h.Rows, func(r Row) bool {
		return r.Collection == "customer" && r.Values["user.contact"] == owner
	})
}

// has reports whether a row is a person's with something in a part.
func (h *Holder) has(p connector.Person, r Row, part connector.Part) bool {
	return r.Collection == part.Collection && h.known(p, r.Owner) && r.Values[part.Category] != ""
}

// Locate counts.
func (h *Holder) Locate(_ context.Context, p connector.Person) ([]connector.Found, error) {
	if err := h.down(); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []connector.Found
	for _, part := range h.Collection {
		out = append(out, h.found(p, part))
	}
	return out, nil
}

func (h *Holder) found(p connector.Person, part connector.Part) connector.Found {
	f, rows := connector.Found{Part: part}, []string{}
	for _, r := range h.Rows {
		switch {
		case !h.has(p, r, part):
		case r.Shared:
			f.Shared++
		default:
			f.Rows++
			rows = append(rows, r.Values[part.Category])
		}
	}
	if f.Rows > 0 {
		f.Digest = sha256.Sum256(fmt.Append(p.Key, part, rows))
	}
	return f
}

// Collect gives the rows of a person.
func (h *Holder) Collect(_ context.Context, p connector.Person, yield func(connector.Row) error) error {
	if err := h.down(); err != nil {
		return err
	}
	h.mu.Lock()
	rows := slices.Clone(h.Rows)
	h.mu.Unlock()
	for _, part := range collections(h.Collection) {
		for _, r := range rows {
			if r.Collection != part || !h.known(p, r.Owner) {
				continue
			}
			row := connector.Row{Collection: part}
			for _, c := range h.Collection {
				if c.Collection == part {
					row.Columns = append(row.Columns, connector.Column{Name: c.Category, Category: c.Category, Value: r.Values[c.Category]})
				}
			}
			if err := yield(row); err != nil {
				return err
			}
		}
	}
	return nil
}

func collections(parts []connector.Part) []string {
	var out []string
	for _, p := range parts {
		if !slices.Contains(out, p.Collection) {
			out = append(out, p.Collection)
		}
	}
	return out
}

// Erase removes values, and rows without any.
func (h *Holder) Erase(ctx context.Context, p connector.Person, orders []connector.Order, about connector.About) ([]connector.Done, error) {
	permitted := h.Permitted == nil || h.Permitted()
	h.mu.Lock()
	defer h.mu.Unlock()
	if !permitted {
		h.Violations++
	}
	if h.Broken != "" {
		return nil, h.Broken
	}
	for _, o := range orders {
		if now := h.found(p, o.Part); o.Erase && o.Exceeds(now) {
			return nil, connector.ErrMoved
		}
	}
	h.Erasures++
	var out []connector.Done
	for _, some := range h.chunks(orders) {
		var rows []int
		var gone []string
		for _, o := range some {
			d, from := h.count(p, o)
			out = append(out, d)
			for _, i := range from {
				rows, gone = append(rows, i), append(gone, o.Category)
			}
		}
		if h.Chunked && !slices.ContainsFunc(some, func(o connector.Order) bool { return o.Rows > 0 }) {
			continue // there is no chunk without rows
		}
		if err := about(ctx, slices.Clone(out)); err != nil {
			return nil, err
		}
		for k, i := range rows {
			if !h.Lies {
				delete(h.Rows[i].Values, gone[k])
			}
		}
	}
	h.Rows = slices.DeleteFunc(h.Rows, func(r Row) bool { return len(r.Values) == 0 })
	return out, nil
}

// chunks are the orders of each transaction.
func (h *Holder) chunks(orders []connector.Order) [][]connector.Order {
	if !h.Chunked {
		return [][]connector.Order{orders}
	}
	of := map[string][]connector.Order{}
	for _, o := range orders {
		of[o.Collection] = append(of[o.Collection], o)
	}
	var out [][]connector.Order
	for _, name := range slices.Sorted(maps.Keys(of)) {
		if name != "customer" {
			out = append(out, of[name])
		}
	}
	return append(out, of["customer"])
}

// count says what an order does, and to which rows.
func (h *Holder) count(p connector.Person, o connector.Order) (d connector.Done, rows []int) {
	d.Part = o.Part
	for i, r := range h.Rows {
		switch {
		case !o.Erase || !h.has(p, r, o.Part):
		case r.Shared:
			d.Shared++
		case r.Fixed[o.Category] || h.Described == o.Collection:
			d.Kept, d.Described = d.Kept+1, h.Described == o.Collection
		default:
			d.Deleted++
			rows = append(rows, i)
		}
	}
	return d, rows
}

// Verify counts again what should be gone.
func (h *Holder) Verify(_ context.Context, p connector.Person, _ []connector.Order) ([]connector.Found, error) {
	if err := h.down(); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []connector.Found
	for _, part := range h.Collection {
		f := connector.Found{Part: part}
		_, left := h.count(p, connector.Order{Part: part, Erase: true})
		f.Rows = uint64(len(left))
		out = append(out, f)
	}
	return out, nil
}

// Close does nothing.
func (h *Holder) Close() error { return nil }

// Post is a mail server.
type Post struct {
	mu   sync.Mutex
	Down error
	Sent []mail.Message
}

// Send takes a message.
func (p *Post) Send(_ context.Context, m mail.Message) (mail.Reply, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.Down != nil {
		return mail.Reply{}, p.Down
	}
	p.Sent = append(p.Sent, m)
	return mail.Reply{Code: 250}, nil
}

// Set changes the server while it is in use.
func (p *Post) Set(change func(p *Post)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}
