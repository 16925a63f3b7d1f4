package follow

import (
	"context"
	"fmt"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/retention/internal/rpc"
	"habeas.internal/services/retention/person"

	"google.golang.org/protobuf/proto"
)

// Remainders ends the clocks of what an erasure has carried out, and starts those of what
// it has left: each counts to the end of the ground on which it stays. Of a person whom
// identity has forgotten nothing is counted: nobody can look for them any more.
func (k Clocks) Remainders() (jetstream.Process, error) {
	known, err := es.NewRegistry(foreign[*fulfilmentv1.RemainderStated]())
	return jetstream.Process{
		Name: "remainders", Context: "fulfilment", CodeVersion: "1",
		React: func(ctx context.Context, r es.Recorded) error {
			for i, ev := range r.Events {
				events, err := known.DecodeForeign(ev)
				if err != nil {
					return fmt.Errorf("follow fulfilment: %w", err)
				}
				for _, m := range events {
					if err := k.remainder(ctx, r, i, m); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}, err
}

func (k Clocks) remainder(ctx context.Context, r es.Recorded, i int, m *fulfilmentv1.RemainderStated) error {
	note := person.NoteErased{Request: r.Aggregate.ID, All: m.GetForgotten()}
	for _, p := range m.GetParts() {
		if m.GetForgotten() {
			break
		}
		note.Left = append(note.Left, person.Clock{
			Name:      person.Name{Policy: m.GetPolicy(), Category: p.GetCategory(), System: p.GetSystem(), StartsOn: person.Kept},
			StartedAt: r.Time, DueAt: eventpb.Moment(p.GetUntil()), Ground: p.GetGround(), Authority: p.GetAuthority(),
		})
	}
	_, err := k.Persons.Handle(ctx, rpc.PersonOf(r.Aggregate.Tenant, m.GetSubjectRef()), es.Command[person.Command]{
		ID: es.StepID(r.Aggregate, "remainder", 1), At: k.Now(), Data: note,
		Meta: es.Meta{Correlation: r.Meta.Correlation, Causation: es.EventID(r.ID, i)},
	})
	if err != nil {
		return fmt.Errorf("note remainder: %w", err)
	}
	return nil
}

// foreign reads an event of another service's. A newer schema of it, or anything that is
// marked critical, halts the process; what else that service tells is passed over.
func foreign[M proto.Message]() es.Type[M] {
	var none M
	kind := none.ProtoReflect().Type()
	return es.Type[M]{
		Name: eventpb.Name(kind.Descriptor()), Schema: 1,
		Decode: func(ev es.Event) (M, error) {
			m, _ := kind.New().Interface().(M)
			if err := proto.Unmarshal(ev.Data, m); err != nil {
				return m, fmt.Errorf("read foreign event: %w", err)
			}
			return m, nil
		},
	}
}

// widened is a foreign event of one kind among others.
func widened[M proto.Message]() es.Type[proto.Message] {
	one := foreign[M]()
	return es.Type[proto.Message]{
		Name: one.Name, Schema: one.Schema,
		Decode: func(ev es.Event) (proto.Message, error) { return one.Decode(ev) },
	}
}
