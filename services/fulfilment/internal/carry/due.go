package carry

import (
	"context"
	"errors"
	"fmt"

	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"

	"google.golang.org/protobuf/proto"
)

const erasureDue = "person.erasure_due"

// errSchema says that retention's events are newer than this build.
var errSchema = errors.New("event has a schema that is not known")

// due takes in what retention has announced: a request about the parts whose time is
// over, of the person with whom the announcement lies. Its id is in the announcement,
// so that it is made once.
func (c *Carrier) due(ctx context.Context, r es.Recorded, i int) error {
	if r.Events[i].Schema != 1 {
		return fmt.Errorf("read due erasure: %w", errSchema)
	}
	m := new(retentionv1.ErasureDue)
	if err := proto.Unmarshal(r.Events[i].Data, m); err != nil {
		return fmt.Errorf("read due erasure: %w", err)
	}
	tenant, now := r.Aggregate.Tenant, c.cfg.Now()
	received := earlier(eventpb.Moment(m.GetAt()), now)
	terms, err := c.cfg.Pin(ctx, tenant, m.GetPolicy(), received)
	if err != nil {
		return fmt.Errorf("pin terms: %w", err)
	}
	submit := request.Submit{
		Right: request.Erasure, Channel: request.ChannelRetention, Service: retentionContext, Terms: terms,
		SubjectRef: r.Aggregate.ID, ReceivedAt: received, At: now,
	}
	for _, k := range m.GetClocks() {
		submit.Scope = append(submit.Scope, request.Limb{Category: k.GetCategory(), System: k.GetSystem()})
	}
	agg := RequestOf(tenant, m.GetRequest())
	_, err = c.cfg.Requests.Handle(ctx, agg, es.Command[request.Command]{
		ID: es.StepID(agg, "due", 1), At: now, Data: submit,
		Meta: es.Meta{Correlation: agg.ID, Causation: es.EventID(r.ID, i)},
	})
	if err != nil {
		return fmt.Errorf("take in due erasure: %w", err)
	}
	return nil // its own commit makes it go on
}
