package consents

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	client "habeas.internal/proto/client/consent"
	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/bench/internal/eventlog"
	"habeas.internal/services/bench/internal/measure"
	"habeas.internal/services/bench/internal/servers"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
)

const bounded = consentv1.Consistency_CONSISTENCY_BOUNDED

// Section is the section of questions.
func Section(ctx context.Context, in eventlog.Settings) (*eventlog.Section, error) {
	s := &eventlog.Section{
		Name: questions, Title: "Questions to consent", Base: eventlog.Base{Variant: Echo}, Notes: []string{
			fmt.Sprintf("%d people with a decision on each of five purposes, half of them yes; a random person and purpose each time; every answer is looked at. Each server is a process of its own, asked over one connection; calls have a deadline.", in.Asked),
			"bare echo: gRPC without TLS, token or anything else; requests and answers are as long as Check's.",
			"Check: consentd as it is deployed, over TLS with a token, validated, counted against limits, metrics on and 1 % of traces written to a file. From memory: the person is in the replica's memory, an answer may be a second old. Fully consistent: the leader has said, after the call came in, that nothing is newer. From Redis: a replica that keeps one person a shard, so that each question is a trip to Redis.",
			"BatchCheck: 100 questions a call, each about a random person; ops are answers, p50 and p99 those of a call.",
			"client's memory: proto/client/consent, fed by Watch, one goroutine.",
			"OpenFGA: v1.22.1 on PostgreSQL, no TLS and no token, caches as it comes (off), 64 connections; the same people, purposes and number of facts: a yes is the relation granted, a no the relation refused; asked by a client that encodes by hand.",
		},
	}
	p, w, err := askedAbout(ctx, s, in)
	if err != nil {
		return s, err
	}
	for _, add := range []func(context.Context, *world, people) error{addChecks, addEcho, addCache, addPeer} {
		if err := add(ctx, w, p); err != nil {
			return s, err
		}
	}
	s.Variants = inTurn(s.Variants)
	return s, nil
}

// askedAbout makes a world with people in it. What records them is gone when they are
// asked about: a log that has just taken in much is busy for a while.
func askedAbout(ctx context.Context, s *eventlog.Section, in eventlog.Settings) (people, *world, error) {
	w, err := newWorld(ctx, s, in, "", 4)
	if err != nil {
		return nil, nil, err
	}
	p, err := newPeople(in.Asked)
	if err != nil {
		return nil, nil, err
	}
	first, err := w.start(ctx, "writer", ServeCommand)
	if err != nil {
		return nil, nil, err
	}
	if err := w.publish(ctx, first); err != nil {
		return nil, nil, err
	}
	conn, err := w.product(first)
	if err != nil {
		return nil, nil, err
	}
	if err := p.record(ctx, consentv1.NewConsentServiceClient(conn)); err != nil {
		return nil, nil, err
	}
	return p, w, first.Stop()
}

// inTurn has the variants with one number of callers stand together, beside the echo
// that they are compared with.
func inTurn(all []measure.Variant) []measure.Variant {
	slices.SortStableFunc(all, func(a, b measure.Variant) int { return a.Callers - b.Callers })
	var out []measure.Variant
	for _, n := range callers() {
		for _, echo := range []bool{true, false} {
			for _, v := range all {
				if v.Callers == n && (v.Name == Echo) == echo {
					out = append(out, v)
				}
			}
		}
	}
	return out
}

// addChecks adds questions to replicas.
func addChecks(ctx context.Context, w *world, p people) error {
	for _, kind := range []struct {
		name, command string
		env           []string
		variants      map[string]consentv1.Consistency
	}{
		{"memory", ServeCommand, nil, map[string]consentv1.Consistency{CheckL1: bounded, CheckFull: consentv1.Consistency_CONSISTENCY_FULL}},
		{"unobserved", UnobservedCommand, nil, map[string]consentv1.Consistency{CheckOff: bounded}},
		{"redis", ServeCommand, []string{"HABEAS_MEMORY_PEOPLE=1"}, map[string]consentv1.Consistency{CheckL2: bounded}},
	} {
		r, err := w.start(ctx, kind.name, kind.command, kind.env...)
		if err != nil {
			return err
		}
		conn, err := w.product(r)
		if err != nil {
			return err
		}
		c := consentv1.NewConsentServiceClient(conn)
		if err := p.askAll(ctx, c); err != nil {
			return err
		}
		for name, consistency := range kind.variants {
			a := &asker{people: p, client: c, consistency: consistency}
			for _, n := range callers() {
				w.section.Variants = append(w.section.Variants, measure.Variant{Name: name, Callers: n, Op: a.check, CPU: r.CPU})
			}
			if name == CheckL1 {
				w.section.Variants = append(w.section.Variants, measure.Variant{Name: Batch, Callers: batchAsking, Each: batchSize, Op: a.batch, CPU: r.CPU})
			}
		}
	}
	return nil
}

// askAll asks a replica about everybody, so that it has them in memory.
func (p people) askAll(ctx context.Context, c consentv1.ConsentServiceClient) error {
	const most = 500 // questions in a call
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(batchAsking)
	for from := 0; from < len(p); from += most {
		g.Go(func() error {
			r := &consentv1.BatchCheckRequest{Consistency: bounded}
			for i := from; i < min(from+most, len(p)); i++ {
				r.Questions = append(r.Questions, p.question(i, purposes()[0]))
			}
			ctx, cancel := context.WithTimeout(ctx, 2*callLimit)
			defer cancel()
			res, err := c.BatchCheck(ctx, r)
			if err != nil {
				return fmt.Errorf("ask about everybody: %w", err)
			}
			for i, n := range res.GetAnswers() {
				if err := right(n, agreed(from+i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// addEcho adds a bare server whose answer is as long as one of consent's.
func addEcho(ctx context.Context, w *world, p people) error {
	r, err := w.start(ctx, "model", ServeCommand)
	if err != nil {
		return err
	}
	conn, err := w.product(r)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	answer, err := consentv1.NewConsentServiceClient(conn).Check(limited, &consentv1.CheckRequest{Question: p.question(0, purposes()[0])})
	if err != nil {
		return fmt.Errorf("ask for a model answer: %w", err)
	}
	text, err := proto.Marshal(answer)
	if err != nil {
		return err
	}
	dir := filepath.Join(w.in.Dir, w.section.Name+"-echo")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, answerFile), text, 0o600); err != nil {
		return err
	}
	server, err := servers.StartOwn(ctx, w.in.Self, EchoCommand, dir)
	if err != nil {
		return err
	}
	w.section.Closing(server.Stop)
	bare, err := grpc.NewClient(server.Addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	w.section.Closing(bare.Close)
	c := consentv1.NewConsentServiceClient(bare)
	for _, n := range callers() {
		w.section.Variants = append(w.section.Variants, measure.Variant{Name: Echo, Callers: n, CPU: server.CPU, Op: func(ctx context.Context, _ int) error {
			ctx, cancel := context.WithTimeout(ctx, callLimit)
			defer cancel()
			q, _ := p.any()
			_, err := c.Check(ctx, &consentv1.CheckRequest{Question: q, Consistency: bounded})
			return err
		}})
	}
	return r.Stop()
}

// addCache adds the memory of a product, once it knows everything that it is asked.
func addCache(ctx context.Context, w *world, p people) error {
	r, err := w.start(ctx, "watched", ServeCommand)
	if err != nil {
		return err
	}
	conn, err := w.product(r)
	if err != nil {
		return err
	}
	c := client.New(conn, client.Config{})
	following, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() { defer close(ended); c.Run(following) }()
	w.section.Closing(func() error { cancel(); <-ended; return nil })
	var asked [cacheAtOnce]*consentv1.Question
	var allowed [cacheAtOnce]bool
	for i := range asked {
		asked[i], allowed[i] = p.any()
	}
	w.section.Variants = append(w.section.Variants, measure.Variant{
		Name: Cache, Callers: fewest, Each: cacheAtOnce, CPU: r.CPU,
		Prepare: func(ctx context.Context) error { return p.fill(ctx, c) },
		Op: func(ctx context.Context, _ int) error {
			for i, q := range asked {
				if a, err := c.Check(ctx, q); err != nil || a.Allowed != allowed[i] {
					return fmt.Errorf("the client's answer is %t, want %t: %w", a.Allowed, allowed[i], err)
				}
			}
			return nil
		},
	})
	return nil
}

// fill asks a product's client everything once.
func (p people) fill(ctx context.Context, c *client.Client) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(most)
	for i := range p {
		g.Go(func() error {
			for _, purpose := range purposes() {
				if _, err := c.Check(ctx, p.question(i, purpose)); err != nil {
					return fmt.Errorf("fill the client's memory: %w", err)
				}
			}
			return nil
		})
	}
	return g.Wait()
}
