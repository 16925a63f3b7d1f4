package carry

import (
	"context"
	"time"

	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// trace continues the trace in which the request was submitted, whatever woke
// it up now: a person's code, a timer, a hold that ended. What woke it is
// linked. So one trace tells the whole request.
func (c *Carrier) trace(ctx context.Context, agg es.Aggregate) (context.Context, trace.Span) {
	at := []trace.SpanStartOption{trace.WithAttributes(attribute.String("habeas.request", agg.ID))}
	for first, err := range c.cfg.Requests.Store.Load(ctx, agg, 0, es.AnyReplica) {
		if err != nil {
			break // the work itself will say so
		}
		carrier := propagation.MapCarrier{es.HeaderTraceparent: first.Meta.Traceparent}
		submitted := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
		woken := trace.SpanContextFromContext(ctx)
		if submitted.IsValid() && submitted.TraceID() != woken.TraceID() {
			at = append(at, trace.WithLinks(trace.Link{SpanContext: woken}))
			ctx = trace.ContextWithRemoteSpanContext(ctx, submitted)
		}
		break
	}
	return c.cfg.Tracer.Start(ctx, "carry request", at...)
}

// traced gives a step a span of its own.
func (c *Carrier) traced(ctx context.Context, e request.Effect, do func(context.Context) error) error {
	ctx, span := c.cfg.Tracer.Start(ctx, "step "+string(e.Step))
	defer span.End()
	if e.System != "" {
		span.SetAttributes(attribute.String("habeas.system", e.System))
	}
	err := do(ctx)
	if err != nil {
		span.SetStatus(codes.Error, reasonOf(err))
	}
	return err
}

// traceLeaves leaves a span for each leaf that has ended now, from when its
// system was begun.
func (j *journey) traceLeaves(ctx context.Context, since time.Time, leaves []request.Leaf) {
	names := map[request.Decision]string{request.Erase: "leaf erase", request.Keep: "leaf keep", request.Collect: "leaf collect"}
	now := j.cfg.Now()
	for _, l := range leaves {
		if l.Ended() {
			continue
		}
		_, span := j.cfg.Tracer.Start(ctx, names[l.Decision], trace.WithTimestamp(since), trace.WithAttributes(
			attribute.Int("habeas.leaf", int(l.Leaf)), attribute.String("habeas.system", l.System),
			attribute.String("habeas.collection", l.Collection), attribute.String("habeas.category", l.Category),
		))
		span.End(trace.WithTimestamp(now))
	}
}
