package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"habeas.internal/services/internal/es"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	apiRoot         = "$JS.API."
	pageMessages    = 1000
	pageBytes       = 8 << 20
	firstPage       = 250 * time.Millisecond // how long a replica has to answer, at first
	codeNotFound    = 10037
	codeUnavailable = 503
	statusNotFound  = "404"
	statusEOB       = "204"
)

// conn makes the requests that the client library does not offer: reads that
// only the leader answers, and batched direct reads (ADR-31).
type conn struct {
	nc      *nats.Conn
	timeout time.Duration // of one try
	runs    runs
	denials *denials
}

func newConn(nc *nats.Conn, timeout time.Duration) *conn {
	return &conn{nc: nc, timeout: timeout, runs: runs{byStream: map[string]*run{}}, denials: watchDenials(nc)}
}

// stored is a message as a stream holds it.
type stored struct {
	subject string
	seq     uint64
	header  nats.Header
	data    []byte
	time    time.Time
}

type batchRequest struct {
	Seq       uint64   `json:"seq,omitempty"`
	Batch     int      `json:"batch"`
	MaxBytes  int      `json:"max_bytes"`
	NextFor   string   `json:"next_by_subj,omitempty"`
	MultiLast []string `json:"multi_last,omitempty"`
}

// page reads up to a page of messages of one literal subject from sequence
// from on, from any replica. more says that the replica has further ones. The
// first tries end early: another replica may answer when one hangs.
func (c *conn) page(ctx context.Context, stream, subject string, from uint64, try int) (msgs []stored, more bool, err error) {
	return c.batch(ctx, stream, batchRequest{Seq: from, Batch: pageMessages, MaxBytes: pageBytes, NextFor: subject}, try)
}

// batch makes one batched read (ADR-31).
func (c *conn) batch(ctx context.Context, stream string, want batchRequest, try int) (msgs []stored, more bool, err error) {
	body, err := json.Marshal(want)
	if err != nil {
		return nil, false, fmt.Errorf("encode request: %w", err)
	}
	// The server keeps what it knows of an answer until nobody listens on its
	// subject any more: hence a subject of its own for each read.
	reply, answers := c.nc.NewInbox(), make(chan *nats.Msg, pageMessages+1)
	sub, err := c.nc.ChanSubscribe(reply, answers)
	if err != nil {
		return nil, false, fmt.Errorf("subscribe to inbox: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	ctx, cancel := context.WithTimeout(ctx, min(c.timeout, firstPage<<min(try, 4)))
	defer cancel()
	name := apiRoot + "DIRECT.GET." + stream
	ctx, done := c.denials.watch(ctx, name)
	defer done()
	if err := c.nc.PublishRequest(name, reply, body); err != nil {
		return nil, false, fmt.Errorf("request batch: %w", err)
	}
	for {
		select {
		case <-ctx.Done():
			return nil, false, fmt.Errorf("read batch: %w", context.Cause(ctx))
		case m := <-answers:
			done, err := c.batchMessage(m, &msgs, &more)
			if done || err != nil {
				return msgs, more, err
			}
		}
	}
}

func (c *conn) batchMessage(m *nats.Msg, msgs *[]stored, more *bool) (done bool, err error) {
	switch status := m.Header.Get("Status"); status {
	case "":
	case statusNotFound:
		return true, nil
	case statusEOB:
		*more = m.Header.Get("Nats-Num-Pending") != "0"
		return true, nil
	default:
		return true, fmt.Errorf("read batch: server answered %s: %w", status, es.ErrUnavailable)
	}
	s, err := directMessage(m)
	if err != nil {
		return true, err
	}
	*msgs = append(*msgs, s)
	return false, nil
}

func directMessage(m *nats.Msg) (stored, error) {
	seq, err := strconv.ParseUint(m.Header.Get("Nats-Sequence"), 10, 64)
	if err != nil {
		return stored{}, fmt.Errorf("read batch: sequence: %w", err)
	}
	at, err := time.Parse(time.RFC3339Nano, m.Header.Get("Nats-Time-Stamp"))
	if err != nil {
		return stored{}, fmt.Errorf("read batch: time: %w", err)
	}
	return stored{subject: m.Header.Get("Nats-Subject"), seq: seq, header: m.Header, data: m.Data, time: at}, nil
}

type apiError struct {
	Code    int `json:"code"`
	ErrCode int `json:"err_code"`
}

// messageAnswer is what the server says to a request for one message.
type messageAnswer struct {
	Error   *apiError `json:"error"`
	Message struct {
		Subject string    `json:"subject"`
		Seq     uint64    `json:"seq"`
		Header  []byte    `json:"hdrs"`
		Data    []byte    `json:"data"`
		Time    time.Time `json:"time"`
	} `json:"message"`
}

// leaderGet asks the stream's leader for one message, by {"seq":n},
// {"last_by_subj":s} or {"seq":n,"next_by_subj":s}. ok is false when there is
// none. While no server leads it asks again, until ctx ends.
func (c *conn) leaderGet(ctx context.Context, stream string, query map[string]any) (msg stored, ok bool, err error) {
	for try := 0; ; try++ {
		var a messageAnswer
		if err := c.api(ctx, "STREAM.MSG.GET."+stream, query, &a); err != nil {
			return stored{}, false, err
		}
		if a.Error == nil {
			msg, err := a.stored()
			if err != nil {
				return stored{}, false, fmt.Errorf("leader read of %s: %w", stream, err)
			}
			return msg, true, nil
		}
		if a.Error.ErrCode == codeNotFound {
			return stored{}, false, nil
		}
		if a.Error.Code != codeUnavailable || !backoff(ctx, try) {
			return stored{}, false, fmt.Errorf("leader read of %s: server error %d: %w", stream, a.Error.ErrCode, es.ErrUnavailable)
		}
	}
}

func (a messageAnswer) stored() (stored, error) {
	m := a.Message
	msg := stored{subject: m.Subject, seq: m.Seq, data: m.Data, time: m.Time, header: nats.Header{}}
	if len(m.Header) == 0 {
		return msg, nil
	}
	var err error
	if msg.header, err = nats.DecodeHeadersMsg(m.Header); err != nil {
		return msg, fmt.Errorf("headers: %w", err)
	}
	return msg, nil
}

// api makes one request to the JetStream API, tried again while nobody
// answers, until ctx ends.
func (c *conn) api(ctx context.Context, name string, query, answer any) error {
	body, err := json.Marshal(query)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	var last error
	for try := 0; ; try++ {
		m, err := c.once(ctx, apiRoot+name, body)
		if err == nil {
			if err := json.Unmarshal(m.Data, answer); err != nil {
				return fmt.Errorf("decode answer of %s: %w", name, err)
			}
			return nil
		}
		last = err
		if !transient(err) || !backoff(ctx, try) {
			return fmt.Errorf("%s: %w", name, unavailable(last))
		}
	}
}

func (c *conn) once(ctx context.Context, subject string, body []byte) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	ctx, done := c.denials.watch(ctx, subject)
	defer done()
	m, err := c.nc.RequestWithContext(ctx, subject, body)
	return m, denied(ctx, err)
}

// transient reports whether an answer may still come on another try.
func transient(err error) bool {
	return !errors.Is(err, es.ErrForbidden) && !errors.Is(err, nats.ErrConnectionClosed) && !errors.Is(err, nats.ErrBadSubject) &&
		!errors.Is(err, nats.ErrMaxPayload)
}

// backoff waits 5 ms, 10 ms, … 320 ms; false when ctx ended first.
func backoff(ctx context.Context, try int) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(5 * time.Millisecond << min(try, 6)):
		return true
	}
}

func isConflict(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// moved reports a conflict that says that the subject's last sequence is not
// the expected one. The other kind says only that another write of the subject
// is under way, which may come to nothing or be an earlier try of the same.
func moved(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence
}
