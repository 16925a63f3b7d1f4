// Package carry carries requests out: it does what a request's state says is
// due, and records first and acts then. Whatever it is cut off in, the state
// says what is left; every call outside has the same id when it is made again.
//
// A step that fails is recorded with its reason and tried again later; of the
// systems none waits for another. A hold leaves a system untouched until it is
// released.
package carry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/fulfilment/catalogue"
	"habeas.internal/services/fulfilment/controllers"
	"habeas.internal/services/fulfilment/docket"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/mail"
	"habeas.internal/services/fulfilment/internal/pack"
	"habeas.internal/services/fulfilment/internal/vocabulary"
	"habeas.internal/services/fulfilment/notice"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/fulfilment/system"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/rpc/client"

	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"
)

// Context is where fulfilment's aggregates live.
const Context = "fulfilment"

// Handlers run the commands of the service's aggregates.
type Handlers struct {
	Requests   es.Handler[request.Request, request.Command, request.Event]
	Dockets    es.Handler[docket.Docket, docket.Command, docket.Event]
	Notices    es.Handler[notice.Notice, notice.Command, notice.Event]
	Systems    es.Handler[system.System, system.Command, system.Event]
	Catalogues es.Handler[catalogue.Catalogue, catalogue.Command, catalogue.Event]

	Controllers es.Handler[controllers.Controllers, controllers.Command, controllers.Event]
}

// Peers are the other services.
type Peers struct {
	Subjects      identityv1.SubjectServiceClient
	Verifications identityv1.VerificationServiceClient
	Keys          identityv1.KeyServiceClient
	Suppression   identityv1.SuppressionServiceClient
	Staff         identityv1.StaffServiceClient
	Settings      identityv1.SettingsServiceClient
	Tenants       identityv1.TenantServiceClient
	Consent       consentv1.ConsentServiceClient
	Disclosures   consentv1.DisclosureServiceClient
	Policies      consentv1.PolicyServiceClient
	Retention     retentionv1.RetentionServiceClient
}

// Connect reaches the systems that hold personal data.
type Connect interface {
	// Open connects to a tenant's system as described, by a connection of that
	// tenant alone. The caller closes it.
	Open(ctx context.Context, tenant string, d system.Description) (connector.System, error)
	// Parts are what the description says the system holds, without asking it.
	Parts(d system.Description) ([]connector.Part, error)
}

// Words knows the names of categories.
type Words interface {
	Of(ctx context.Context, tenant string) (vocabulary.Known, error)
}

// Timers wake requests and notices.
type Timers interface {
	SetTimer(ctx context.Context, t jetstream.Timer) error
}

// Mailer hands a message to a mail server and returns its reply.
type Mailer interface {
	Send(ctx context.Context, m mail.Message) (mail.Reply, error)
}

// Config is what a Carrier needs. Only Crash is optional.
type Config struct {
	Handlers
	Peers    Peers
	Connect  Connect
	Words    Words
	Opener   eventpb.Opener
	Packages *pack.Store
	Mailer   Mailer
	// Phones says that the Mailer sends text messages to telephone numbers, too.
	Phones bool
	Timers Timers
	// Pin gives the terms of a request that nobody asks for.
	Pin    func(ctx context.Context, tenant, policy string, received time.Time) (request.Terms, error)
	Random io.Reader
	Now    func() time.Time
	Log    *slog.Logger
	Tracer trace.Tracer
	// CancelPage is where a person cancels by a link; none if empty.
	CancelPage mail.Page
	// PackageLife is how long an access package can be fetched.
	PackageLife time.Duration
	// Crash is told of each point at which a process may die; an error makes
	// the work end there. For tests.
	Crash func(point string) error
}

// Carrier carries requests out. Its methods may be called from several
// goroutines and in several instances.
type Carrier struct {
	cfg Config

	mu   sync.Mutex
	busy map[es.Aggregate]*turn

	post *letterbox
}

// turn lets one goroutine of this process carry a request at a time.
type turn struct {
	mu      sync.Mutex
	waiting int
}

// take waits for the aggregate's turn and returns what gives it back.
func (c *Carrier) take(agg es.Aggregate) (give func()) {
	c.mu.Lock()
	t := c.busy[agg]
	if t == nil {
		t = new(turn)
		c.busy[agg] = t
	}
	t.waiting++
	c.mu.Unlock()
	t.mu.Lock()
	return func() {
		t.mu.Unlock()
		c.mu.Lock()
		defer c.mu.Unlock()
		if t.waiting--; t.waiting == 0 {
			delete(c.busy, agg)
		}
	}
}

// New makes a Carrier.
func New(cfg Config) *Carrier {
	return &Carrier{cfg: cfg, busy: map[es.Aggregate]*turn{}, post: newLetterbox()}
}

// errRounds says that a request goes on and on: a defect, that nobody waits for
// in silence.
var errRounds = errors.New("request does not come to rest")

// maxRounds bounds the steps that one call does.
const maxRounds = 200

// Timer names.
const (
	TimerRequest = "carry"
	TimerNotice  = "deliver"
)

// Carry does everything on a request that is due, and sets the timer for what
// becomes due later.
func (c *Carrier) Carry(ctx context.Context, agg es.Aggregate) error {
	defer c.take(agg)()
	ctx, span := c.trace(ctx, agg)
	defer span.End()
	ctx = client.WithTenant(ctx, agg.Tenant)
	for range maxRounds {
		s, _, err := c.cfg.Requests.Load(ctx, agg, es.Leader)
		if err != nil {
			return fmt.Errorf("load request: %w", err)
		}
		due := request.Next(s, c.cfg.Now())
		if len(due) > 0 {
			if err := c.all(ctx, agg, s, due); err != nil {
				return err
			}
			continue
		}
		moved := false
		if s.Stage() == request.Waiting {
			moved, err = c.turn(ctx, agg, s, es.Meta{})
		} else {
			moved, err = c.pause(ctx, agg, s)
		}
		if err != nil {
			return err
		}
		if !moved {
			return c.wake(ctx, agg, s)
		}
	}
	return errRounds
}

// atOnce is how many systems of a request are worked on at a time.
const atOnce = 4

func (c *Carrier) all(ctx context.Context, agg es.Aggregate, s request.Request, due []request.Effect) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, e := range due {
		g.Go(func() error { return c.one(ctx, agg, s, e) })
	}
	return g.Wait()
}

func (c *Carrier) wake(ctx context.Context, agg es.Aggregate, s request.Request) error {
	at := request.Wake(s, c.cfg.Now())
	if at.IsZero() {
		return nil
	}
	return c.cfg.Timers.SetTimer(ctx, jetstream.Timer{Aggregate: agg, Name: TimerRequest, At: at})
}

// one does a step and records that it failed, if it did. Only what keeps the
// record itself from being made, or an end of the process, is an error.
func (c *Carrier) one(ctx context.Context, agg es.Aggregate, s request.Request, e request.Effect) error {
	err := c.traced(ctx, e, func(ctx context.Context) error { return c.do(ctx, agg, s, e) })
	var crash crashed
	switch {
	case err == nil, errors.Is(err, request.ErrOutOfStep): // somebody else was faster
		return nil
	case ctx.Err() != nil, errors.As(err, &crash), isLog(err):
		return err
	}
	if errors.Is(err, failForgotten) { // nobody can be looked for any more
		lost := request.LosePerson{Reason: failForgotten.Reason(), At: c.cfg.Now()}
		if err := c.record(ctx, agg, s, "lose", lost); !errors.Is(err, request.ErrOutOfStep) {
			return err
		}
	}
	if errors.Is(err, failNotVouched) {
		return c.record(ctx, agg, s, "retract", request.Retract{Reason: failNotVouched.Reason(), At: c.cfg.Now()})
	}
	reason, where := reasonOf(err), inSystem{name: e.System}
	errors.As(err, &where)
	c.cfg.Log.WarnContext(ctx, "step failed", slog.String("request", agg.ID), slog.String("step", string(e.Step)),
		slog.String("system", where.name), slog.String("reason", reason))
	return c.record(ctx, agg, s, "fail/"+string(e.Step)+"/"+e.System, request.FailStep{
		Step: e.Step, System: e.System, In: where.name, Category: where.category, Reason: reason, At: c.cfg.Now(),
	})
}

func (c *Carrier) do(ctx context.Context, agg es.Aggregate, s request.Request, e request.Effect) error {
	j := &journey{Carrier: c, agg: agg, s: s}
	switch e.Step {
	case request.StepErase:
		return j.erase(ctx, e.System)
	case request.StepLocate:
		return j.locate(ctx, e.System)
	}
	steps := map[request.Step]func(context.Context) error{
		request.StepAcknowledge: j.acknowledge, request.StepVerify: j.verify, request.StepFollowUp: j.followUp,
		request.StepGiveUp: j.giveUp, request.StepMore: j.more, request.StepDelay: j.delay,
		request.StepContact: j.contact, request.StepEnter: j.enter, request.StepFreeze: j.freeze,
		request.StepPlan: j.plan, request.StepCollect: j.collect, request.StepTell: j.tell,
		request.StepForget: j.forget, request.StepUnfreeze: j.unfreeze, request.StepNotify: j.notify,
		request.StepClose: j.close, request.StepLeave: j.leave, request.StepExpire: j.expire,
		request.StepState: j.state, request.StepDestroyKey: j.destroyKey, request.StepFinish: j.finish,
		request.StepNeed: j.need, request.StepReview: j.review, request.StepAsk: j.ask, request.StepRemind: j.remind,
	}
	step, ok := steps[e.Step]
	if !ok {
		return fmt.Errorf("step %s: %w", e.Step, errUnknownStep)
	}
	return step(ctx)
}

var errUnknownStep = errors.New("nobody knows how to do this step")

// record runs a command on the request. Its id follows from the state that it
// answers to, so that the same step on the same state is the same command.
func (c *Carrier) record(ctx context.Context, agg es.Aggregate, s request.Request, step string, data request.Command) error {
	_, err := c.cfg.Requests.Handle(ctx, agg, es.Command[request.Command]{
		ID: es.StepID(agg, step, s.Events), At: c.cfg.Now(), Meta: es.Meta{Correlation: agg.ID}, Data: data,
	})
	if err != nil {
		return fmt.Errorf("record %s: %w", step, err)
	}
	return nil
}

// journey is one request at one state.
type journey struct {
	*Carrier
	agg es.Aggregate
	s   request.Request
}

func (j *journey) note(ctx context.Context, step request.Step, data request.Command) error {
	return j.record(ctx, j.agg, j.s, string(step), data)
}

// id is the id of a command to another service.
func (j *journey) id(step string, attempt int) string { return es.StepID(j.agg, step, attempt) }

// round numbers what is done once in each round of a request: one that is reopened
// does it again.
func (j *journey) round() int { return j.s.Reopenings + 1 }

// crashed is an error of Config.Crash.
type crashed struct{ error }

// Unwrap is what Config.Crash returned.
func (c crashed) Unwrap() error { return c.error }

// point is a place at which a process may die.
func (c *Carrier) point(name string) error {
	if c.cfg.Crash == nil {
		return nil
	}
	if err := c.cfg.Crash(name); err != nil {
		return crashed{err}
	}
	return nil
}

// isLog reports whether the log itself is in trouble: then nothing can be
// recorded, and the commit is delivered again.
func isLog(err error) bool {
	for _, e := range []error{es.ErrUnavailable, es.ErrUnknownOutcome, es.ErrContended, es.ErrBehind} {
		if errors.Is(err, e) {
			return true
		}
	}
	_, halted := es.HaltReason(err)
	return halted
}
