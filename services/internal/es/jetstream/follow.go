package jetstream

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"habeas.internal/services/internal/es"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

// follower is one process on one shard, with one durable consumer. The server
// delivers what it can read and is silent about what it can't, so the follower
// makes sure of every sequence: it was delivered here, or can be read, and so
// is another instance's.
type follower struct {
	log *Log
	p   Process
	sh  *shard

	mu   sync.Mutex
	sure uint64      // every sequence up to here was delivered or can be read
	busy atomic.Bool // something was delivered since the last look
	late int         // looks since the consumer was last compared
}

var errConsumerGone = errors.New("consumer is gone")

// run follows the shard until ctx ends or history turns out not to be what was
// written. A consumer that was deleted is made again: it begins anew, which is
// harmless.
func (f *follower) run(ctx context.Context, c jetstream.Consumer) error {
	for try := 0; ; try++ {
		err := f.follow(ctx, c)
		if ctx.Err() != nil {
			return nil
		}
		if !errors.Is(err, errConsumerGone) {
			return f.halted(ctx, err)
		}
		backoff(ctx, try)
		if c, err = f.log.durable(ctx, f.sh.name, f.p.consumer(f.sh.name)); err != nil && ctx.Err() == nil {
			return f.halted(ctx, err)
		}
	}
}

func (f *follower) halted(ctx context.Context, err error) error {
	f.log.cfg.Logger.ErrorContext(ctx, "process halted", slog.String("process", f.p.Name),
		slog.String("stream", f.sh.name), slog.String("error", err.Error()))
	return fmt.Errorf("process %s halted: %w", f.p.Name, err)
}

// follow hands each message to the worker of its aggregate, so that commits
// of one aggregate are handled one after the other.
func (f *follower) follow(ctx context.Context, c jetstream.Consumer) error {
	if err := f.recheck(ctx, c.CachedInfo()); err != nil {
		return err
	}
	allowed, done := f.log.conn.pulling(ctx, f.sh.name, c.CachedInfo().Name)
	defer done()
	g, ctx := errgroup.WithContext(allowed)
	f.sure = c.CachedInfo().AckFloor.Stream
	queues := make([]chan delivery, f.p.Workers)
	for i := range queues {
		queues[i] = make(chan delivery, maxUnacked)
		g.Go(func() error {
			return work(ctx, queues[i], func(m jetstream.Msg) error { return f.log.handle(ctx, f.p, f.sh, m) })
		})
	}
	broken := make(chan error, 1)
	cc, err := c.Consume(func(m jetstream.Msg) {
		if err := f.reached(ctx, m); err != nil {
			select {
			case broken <- err:
			default:
			}
			_ = m.NakWithDelay(lookEvery)
			return
		}
		select {
		case queueOf(queues, m.Subject()) <- keep(ctx, m, f.p.AckWait):
		case <-ctx.Done():
		}
	}, pulls(8*f.p.Workers)...)
	if err != nil {
		return fmt.Errorf("consume %s: %w", f.sh.name, err)
	}
	defer cc.Stop()
	g.Go(func() error { return f.look(ctx, c, cc.Closed(), broken) })
	return errors.Join(g.Wait(), forbidden(allowed))
}

// recheck verifies what was delivered before and not acknowledged: if one of
// these halted the last instance, it halts this one before anything behind it
// is handled.
func (f *follower) recheck(ctx context.Context, info *jetstream.ConsumerInfo) error {
	for seq := info.AckFloor.Stream + 1; seq <= info.Delivered.Stream; seq++ {
		m, ok, err := f.log.conn.leaderGet(ctx, f.sh.name, map[string]any{"seq": seq})
		if err != nil || !ok { // what can't be read is found below
			return err
		}
		rec, err := f.sh.decode(m)
		if err == nil {
			err = f.log.ring.Verify(ctx, rec)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// delivery is a message that is kept from being given to others until done is
// called.
type delivery struct {
	jetstream.Msg
	done func()
}

// keep tells the server, for as long as the message waits here or is worked
// on, that it is in good hands: waiting is no failed delivery.
func keep(ctx context.Context, m jetstream.Msg, ackWait time.Duration) delivery {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		tick := time.NewTicker(ackWait / 3)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_ = m.InProgress()
			}
		}
	}()
	return delivery{m, cancel}
}

// queueOf is always the same for one subject.
func queueOf(queues []chan delivery, subject string) chan<- delivery {
	h := fnv.New32a()
	_, _ = h.Write([]byte(subject))
	return queues[h.Sum32()%uint32(len(queues))]
}

// work handles what is in a queue, one after the other, until ctx ends or one
// can't be handled. What was not begun goes back.
func work(ctx context.Context, queue <-chan delivery, handle func(jetstream.Msg) error) error {
	defer func() {
		for len(queue) > 0 {
			d := <-queue
			d.done()
			_ = d.Nak()
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case d := <-queue:
			err := handle(d.Msg)
			d.done()
			if err != nil {
				return err
			}
		}
	}
}

// reached makes sure of what lies between the last message and this one. It
// fails only to halt.
func (f *follower) reached(ctx context.Context, m jetstream.Msg) error {
	meta, err := m.Metadata()
	if err != nil {
		return fmt.Errorf("read metadata: %w", err)
	}
	f.busy.Store(true)
	if err := f.log.sound(ctx, f.sh); err != nil {
		return err
	}
	f.log.saw(f.sh, meta.Sequence.Stream, m.Headers().Get(nats.MsgIdHdr))
	return f.assure(ctx, meta.Sequence.Stream, meta.Sequence.Stream-1)
}

// assure raises what the follower is sure of to a sequence, after reading what
// was not delivered here up to another one.
func (f *follower) assure(ctx context.Context, to, unseen uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for ; f.sure < unseen; f.sure++ {
		if _, err := f.log.readable(ctx, f.sh.name, f.sure+1); err != nil {
			return err
		}
	}
	f.sure = max(f.sure, to)
	return nil
}

// lookEvery is how often a follower looks whether it can still be told
// everything, and lookAhead how far it then reads on by itself.
const (
	lookEvery = time.Second
	lookAhead = 100
	// compareAfter is after how many looks the consumer is compared, however much it
	// delivers: it may be made to deliver one tenant's alone.
	compareAfter = 5
)

// look ends with what keeps the follower from going on.
func (f *follower) look(ctx context.Context, c jetstream.Consumer, closed <-chan struct{}, broken <-chan error) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-closed:
			return errConsumerGone
		case err = <-broken:
		case <-f.sh.report.alarm():
			err = f.sh.report.now()
		case <-tick.C:
			err = f.lookOnce(ctx, c)
		}
		if _, halt := es.HaltReason(err); halt || errors.Is(err, errConsumerGone) {
			return err
		}
	}
}

func (f *follower) lookOnce(ctx context.Context, c jetstream.Consumer) error {
	if err := f.log.sound(ctx, f.sh); err != nil {
		return err
	}
	busy := f.busy.Swap(false)
	if f.late++; !busy || f.late >= compareAfter {
		f.late = 0
		if err := f.untouched(ctx, c); err != nil {
			return err
		}
	}
	if busy {
		return nil
	}
	s, err := f.log.stream(ctx, f.sh.name)
	if err != nil {
		return err
	}
	f.mu.Lock()
	ahead := min(f.sure+lookAhead, s.CachedInfo().State.LastSeq)
	f.mu.Unlock()
	return f.assure(ctx, ahead, ahead)
}

// untouched makes sure that the consumer is there and as it was made. Whoever may
// read the stream may change a consumer whose name they know, so that it passes
// over messages: such a one is removed, and made again from the beginning.
func (f *follower) untouched(ctx context.Context, c jetstream.Consumer) error {
	info, err := c.Info(ctx)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return errConsumerGone
	}
	if err != nil || !info.Paused && sameWork(info.Config, f.p.consumer(f.sh.name)) {
		return nil // who can't be asked now is asked again
	}
	f.log.cfg.Logger.ErrorContext(ctx, "somebody else has changed the consumer of a process", slog.String("process", f.p.Name),
		slog.String("stream", f.sh.name))
	if err := f.log.js.DeleteConsumer(ctx, f.sh.name, info.Config.Durable); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return fmt.Errorf("remove consumer: %w", unavailable(err))
	}
	return errConsumerGone
}

// sameWork compares what decides which messages come, and how often.
func sameWork(have, want jetstream.ConsumerConfig) bool {
	return have.FilterSubject == want.FilterSubject && slices.Equal(have.FilterSubjects, want.FilterSubjects) && have.AckWait == want.AckWait &&
		have.MaxDeliver == want.MaxDeliver && have.MaxAckPending == want.MaxAckPending && len(have.BackOff) == 0 && have.InactiveThreshold == 0 &&
		!have.HeadersOnly && have.DeliverSubject == want.DeliverSubject && have.RateLimit == want.RateLimit && have.MaxRequestBatch == want.MaxRequestBatch &&
		have.MaxRequestMaxBytes == want.MaxRequestMaxBytes && have.MaxRequestExpires == want.MaxRequestExpires
}
