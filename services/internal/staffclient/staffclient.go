// Package staffclient asks identity whether a person may see personal data, for
// a service that is about to show some.
package staffclient

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/client"

	"google.golang.org/grpc"
)

// ServiceName is the gRPC service that is asked.
const ServiceName = "habeas.identity.v1.StaffService"

const (
	// Life is how long an answer counts, whichever it is: so much later at most a
	// need or an undertaking that has ended shows nothing here any more.
	Life = 3 * time.Second
	// patience bounds one question.
	patience = 2 * time.Second
	// most bounds the memory of answers; beyond it, all are forgotten and asked
	// for again.
	most = 10_000
)

// Client asks and remembers for a moment. Its methods may be called at once.
type Client struct {
	ask identityv1.StaffServiceClient
	now func() time.Time

	mu    sync.Mutex
	known map[rpc.Look]answer
}

var _ rpc.Staff = (*Client)(nil)

type answer struct {
	may   rpc.Permission
	until time.Time
}

// New asks over a connection to identity.
func New(conn grpc.ClientConnInterface, now func() time.Time) *Client {
	return &Client{ask: identityv1.NewStaffServiceClient(conn), now: now, known: map[rpc.Look]answer{}}
}

// Check says whether a person may look. A failure is an error, is not
// remembered, and never stands for an answer that was given before.
func (c *Client) Check(ctx context.Context, l rpc.Look) (rpc.Permission, error) {
	began := c.now()
	if may, ok := c.remembered(l, began); ok {
		return may, nil
	}
	ctx, cancel := context.WithTimeout(client.WithTenant(ctx, l.Tenant), patience)
	defer cancel()
	got, err := c.ask.CheckStaff(ctx, question(l))
	if err != nil {
		return rpc.Permission{}, fmt.Errorf("check staff: %w", err)
	}
	may := rpc.Permission{
		Refusal: got.GetRefusal(), Subjects: got.GetSubjectRefs(), Case: got.GetCaseId(), BreakGlass: got.GetBreakGlass(),
		Consent: got.GetConsentRequired(),
	}
	c.remember(l, answer{may, began.Add(Life)})
	return may, nil
}

// mostAtOnce is how many people one question may be about.
const mostAtOnce = 100

// Agreed asks whether these people's data may be shown, each time anew.
func (c *Client) Agreed(ctx context.Context, l rpc.Look, s rpc.Shown) (string, error) {
	ctx, cancel := context.WithTimeout(client.WithTenant(ctx, l.Tenant), patience)
	defer cancel()
	for some := range slices.Chunk(s.Refs, mostAtOnce) {
		q := question(l)
		q.SubjectRefs, q.Policy, q.Categories = some, s.Policy, s.Categories
		got, err := c.ask.CheckStaff(ctx, q)
		if err != nil {
			return "", fmt.Errorf("check staff: %w", err)
		}
		if got.GetRefusal() != "" {
			return got.GetRefusal(), nil
		}
	}
	return "", nil
}

func question(l rpc.Look) *identityv1.CheckStaffRequest {
	return &identityv1.CheckStaffRequest{
		Actor: l.Actor, Purpose: l.Purpose, CaseId: l.Case, BreakGlass: l.BreakGlass, Method: l.Method,
	}
}

func (c *Client) remembered(l rpc.Look, now time.Time) (rpc.Permission, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.known[l]
	return a.may, ok && now.Before(a.until)
}

func (c *Client) remember(l rpc.Look, a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= most {
		clear(c.known)
	}
	c.known[l] = a
}
