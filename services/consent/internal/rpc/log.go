package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/consent/disclosure"
	"habeas.internal/services/consent/intake"
	"habeas.internal/services/consent/internal/unsubscribe"
	"habeas.internal/services/consent/internal/view"
	"habeas.internal/services/consent/internal/wire"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/consent/policy"
	"habeas.internal/services/consent/recipient"
	"habeas.internal/services/consent/statistic"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/stores"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"
)

// Context is the context that policies and persons live in.
const Context = "consent"

type (
	// Policies runs the commands of policies.
	Policies = es.Handler[policy.Policy, policy.Command, policy.Event]
	// Persons runs the commands of persons.
	Persons = es.Handler[person.Person, person.Command, person.Event]
	// Recipients runs the commands of recipients.
	Recipients = es.Handler[recipient.Recipient, recipient.Command, recipient.Event]
	// Registers runs the commands of registers of disclosures.
	Registers = es.Handler[disclosure.Register, disclosure.Command, disclosure.Event]
	// Statistics runs the commands of statistics.
	Statistics = es.Handler[statistic.Statistic, statistic.Command, statistic.Event]
	// Imports runs the commands of imports.
	Imports = es.Handler[intake.Import, intake.Command, intake.Event]
)

// Locator says in which stream an aggregate stands.
type Locator interface {
	Locate(agg es.Aggregate) (es.Position, error)
}

// Lister lists the policies of a tenant.
type Lister interface {
	List(ctx context.Context, tenant string, want es.Token) ([]view.Row, error)
}

// Config is what both services run on.
type Config struct {
	Store    es.Store
	Verifier es.Verifier
	Digester es.Digester
	Tracer   trace.Tracer
	Random   io.Reader
	Locator  Locator
	Lister   Lister
	Parity   Parity
	Mirror   Mirror    // nil: every question goes to the log
	Prover   es.Prover // of the mirror's freshness
	Key      es.Signer // of the service, for receipts
	Now      func() time.Time
	Regions  stores.Regions // where the installation keeps data
	// Ages is identity, which knows who may act for a person.
	Ages identityv1.AgeServiceClient
	// Keys are those of the tenants' tokens that unsubscribe.
	Keys unsubscribe.Keys
	// Subjects is identity, which knows who holds an identifier.
	Subjects identityv1.SubjectServiceClient
}

// log is the event log as the handlers use it.
type log struct {
	Config
	policies   Policies
	persons    Persons
	recipients Recipients
	registers  Registers
	statistics Statistics
	imports    Imports
	known      *keeper[rules]

	knownRecipients *keeper[keptRecipient]
}

// Servers are the services of consent.
type Servers struct {
	Consent     *ConsentServer
	Answers     *AnswerServer
	Policies    *PolicyServer
	Recipients  *RecipientServer
	Disclosures *DisclosureServer
	Statistics  *StatisticServer
	Unsubscribe *UnsubscribeServer
	Imports     *ImportServer
}

// New makes the services of consent.
func New(cfg Config) (Servers, error) {
	policies, err := wire.Policy()
	if err != nil {
		return Servers{}, err
	}
	persons, err := NewPersons(cfg)
	if err != nil {
		return Servers{}, err
	}
	recipients, err := wire.Recipient()
	if err != nil {
		return Servers{}, err
	}
	registers, err := wire.Disclosure()
	if err != nil {
		return Servers{}, err
	}
	statistics, err := wire.Statistic()
	if err != nil {
		return Servers{}, err
	}
	imports, err := wire.Intake()
	if err != nil {
		return Servers{}, err
	}
	l := &log{
		Config: cfg, known: newKeeper[rules](), knownRecipients: newKeeper[keptRecipient](),
		policies:   handler(cfg, policies, policy.Decide, policy.Evolve, func(r string) error { return policy.Refusal(r) }),
		persons:    persons,
		recipients: handler(cfg, recipients, recipient.Decide, recipient.Evolve, func(r string) error { return recipient.Refusal(r) }),
		registers:  handler(cfg, registers, disclosure.Decide, disclosure.Evolve, func(r string) error { return disclosure.Refusal(r) }),
		statistics: handler(cfg, statistics, statistic.Decide, statistic.Evolve, func(r string) error { return statistic.Refusal(r) }),
		imports:    handler(cfg, imports, intake.Decide, intake.Evolve, func(r string) error { return intake.Refusal(r) }),
	}
	return Servers{
		Consent: &ConsentServer{log: l}, Answers: &AnswerServer{log: l}, Policies: &PolicyServer{log: l},
		Recipients: &RecipientServer{log: l}, Disclosures: &DisclosureServer{log: l}, Statistics: &StatisticServer{log: l},
		Unsubscribe: &UnsubscribeServer{log: l, tokens: unsubscribe.Tokens{Keys: cfg.Keys, Now: cfg.Now}},
		Imports:     &ImportServer{log: l},
	}, nil
}

// NewPersons makes what runs the commands of persons.
func NewPersons(cfg Config) (Persons, error) {
	codec, err := wire.Person()
	return handler(cfg, codec, person.Decide, person.Evolve, func(r string) error { return person.Refusal(r) }), err
}

func handler[S, C, E any](
	cfg Config, codec eventpb.Codec[E], decide func(S, C) ([]E, error), evolve func(S, E) S, refuse func(string) error,
) es.Handler[S, C, E] {
	return es.Handler[S, C, E]{
		Store: cfg.Store, Verifier: cfg.Verifier, Digester: cfg.Digester, Tracer: cfg.Tracer, Random: cfg.Random,
		Registry: codec.Registry(), Encode: codec.Encode(nil), Decide: decide, Evolve: evolve, Refuse: refuse,
	}
}

// policyAggregate is a policy of the caller's tenant; its id is the policy's.
func policyAggregate(ctx context.Context, id string) es.Aggregate {
	return es.Aggregate{Context: Context, Tenant: kit.PrincipalFrom(ctx).Tenant, Type: policy.AggregateType, ID: id}
}

// personAggregate is a person of the caller's tenant.
func personAggregate(ctx context.Context, subject string) es.Aggregate {
	return es.Aggregate{Context: Context, Tenant: kit.PrincipalFrom(ctx).Tenant, Type: person.AggregateType, ID: subject}
}

// recipientAggregate is a recipient of the caller's tenant.
func recipientAggregate(ctx context.Context, id string) es.Aggregate {
	return es.Aggregate{Context: Context, Tenant: kit.PrincipalFrom(ctx).Tenant, Type: recipient.AggregateType, ID: id}
}

// registerAggregate is the register of a person of the caller's tenant.
func registerAggregate(ctx context.Context, subject string) es.Aggregate {
	return es.Aggregate{Context: Context, Tenant: kit.PrincipalFrom(ctx).Tenant, Type: disclosure.AggregateType, ID: subject}
}

// statisticAggregate is a statistic of the caller's tenant.
func statisticAggregate(ctx context.Context, id string) es.Aggregate {
	return es.Aggregate{Context: Context, Tenant: kit.PrincipalFrom(ctx).Tenant, Type: statistic.AggregateType, ID: id}
}

// importAggregate is an import of the caller's tenant.
func importAggregate(ctx context.Context, id string) es.Aggregate {
	return es.Aggregate{Context: Context, Tenant: kit.PrincipalFrom(ctx).Tenant, Type: intake.AggregateType, ID: id}
}

// command wraps what a client asks for. The body is the request itself.
func command[C any](id string, request proto.Message, at time.Time, data C) (es.Command[C], error) {
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(request)
	if err != nil {
		return es.Command[C]{}, fmt.Errorf("encode command body: %w", err)
	}
	return es.Command[C]{ID: id, Client: true, Body: body, At: at, Meta: es.Meta{Correlation: id}, Data: data}, nil
}

// maxReads bounds how often a read is repeated that the leader disowns.
const maxReads = 4

// proven runs a read of an aggregate until the leader has proved that the head
// it ended at is the last one.
func (l *log) proven(ctx context.Context, agg es.Aggregate, read func() (es.Head, error)) (es.Token, error) {
	for range maxReads {
		head, err := read()
		if err != nil {
			return nil, err
		}
		err = l.Store.Confirm(ctx, agg, head)
		if err == nil {
			return l.token(agg, head)
		}
		if !errors.Is(err, es.ErrStale) {
			return nil, fmt.Errorf("confirm: %w", err)
		}
	}
	return nil, es.ErrContended
}

func (l *log) token(agg es.Aggregate, head es.Head) (es.Token, error) {
	p, err := l.Locator.Locate(agg)
	if err != nil {
		return nil, err
	}
	p.Seq = head.Seq
	return es.TokenAt(p), nil
}

// sameHistory refuses a token of another history of a stream that is about to
// be read. A leader's proven read has seen everything else that a token can
// speak of.
func (l *log) sameHistory(agg es.Aggregate, want es.Token) error {
	p, err := l.Locator.Locate(agg)
	if err != nil {
		return err
	}
	if w, ok := want[p.Stream]; ok && w.Epoch != p.Epoch {
		return es.ErrOtherEpoch
	}
	return nil
}

// act is one commit of a person, as the history is read.
type act struct {
	at     time.Time
	where  es.Position
	events []person.Event
}

// history reads what was recorded of a person, oldest first.
func (l *log) history(ctx context.Context, agg es.Aggregate) (acts []act, token es.Token, err error) {
	token, err = l.proven(ctx, agg, func() (es.Head, error) {
		acts = nil
		return es.Fold(ctx, l.Verifier, es.Head{}, l.Store.Load(ctx, agg, 0, es.Leader), func(r es.Recorded) error {
			events, err := l.persons.Registry.DecodeAll(r.Commit)
			acts = append(acts, act{at: r.Time, where: r.Position, events: events})
			return err
		})
	})
	return acts, token, err
}

// stateAt folds what had been recorded at a moment.
func stateAt(acts []act, at time.Time) person.Person {
	var s person.Person
	for _, a := range acts {
		if a.at.After(at) {
			break
		}
		for _, ev := range a.events {
			s = person.Evolve(s, ev)
		}
	}
	return s
}
