package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"habeas.internal/services/internal/es"
)

// Confirm asks the stream's leader how many commits the aggregate has; the
// answer counts only if that server proved that it leads.
func (l *Log) Confirm(ctx context.Context, agg es.Aggregate, head es.Head) error {
	sh, err := l.shardOf(agg)
	if err != nil {
		return err
	}
	return l.soundly(ctx, sh, func() (bool, error) {
		a, err := l.conn.proven(ctx, sh.name, agg.Subject())
		switch {
		case err != nil:
			return false, fmt.Errorf("confirm: %w", err)
		case !a.whole(): // it counts less of the aggregate too
			return false, l.holes(ctx, sh)
		case a.State.Subjects[agg.Subject()] != head.Commits:
			return false, es.ErrStale
		}
		return false, nil
	})
}

// A server that was frozen while another was elected does not know, when it
// goes on, that it was replaced: for some milliseconds it answers from what it
// knew. It may even look as if it had just heard from the others, because it
// counts from when it reads what they sent before it froze. What can't look
// right is its past. An answer therefore counts only at the end of a run:
// answers of the same server in the same term of leadership that began
// settleTime ago, so that what was waiting for a thawed server has been read,
// and that never paused longer than holdTime, so that there was no time for an
// election: a replica calls one when it has heard nothing for four seconds. What
// is left is one that is cut off from the leader alone and wins by another's
// vote; until that other answers the old leader, a second at most, it looks right.
const (
	settleTime = 250 * time.Millisecond
	holdTime   = 2 * time.Second
	// proofAge is how recent a leader's contact with its replicas must be, and
	// how long its answer may take.
	proofAge = time.Second
)

// run is an unbroken row of answers of one leader.
type run struct {
	leader string
	since  time.Time // when it was elected
	first  time.Time // when its first answer was here
	asked  time.Time // when the question of its last answer left
}

// settled reports whether a leader's answer to a question that left at asked
// and was answered at answered may be believed, and files it.
func (r *run) settled(c clusterAnswer, asked, answered time.Time) bool {
	if len(c.Replicas) == 0 {
		return true
	}
	same := r.leader == c.Leader && r.since.Equal(c.LeaderSince) && answered.Sub(r.asked) <= holdTime
	if !same {
		*r = run{leader: c.Leader, since: c.LeaderSince, first: answered, asked: asked}
		return false
	}
	if asked.After(r.asked) {
		r.asked = asked
	}
	return asked.Sub(r.first) >= settleTime
}

// runs are the runs of all streams.
type runs struct {
	mu       sync.Mutex
	byStream map[string]*run
}

func (r *runs) settled(stream string, c clusterAnswer, asked, answered time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	one, ok := r.byStream[stream]
	if !ok {
		one = &run{}
		r.byStream[stream] = one
	}
	return one.settled(c, asked, answered)
}

type infoAnswer struct {
	Error *apiError `json:"error"`
	State struct {
		Msgs     uint64            `json:"messages"`
		LastSeq  uint64            `json:"last_seq"`
		Subjects map[string]uint64 `json:"subjects"`
	} `json:"state"`
	Cluster clusterAnswer `json:"cluster"`
}

type clusterAnswer struct {
	Leader      string    `json:"leader"`
	LeaderSince time.Time `json:"leader_since"`
	Replicas    []replica `json:"replicas"`
}

type replica struct {
	Active  time.Duration `json:"active"` // since the leader last heard from it
	Offline bool          `json:"offline"`
}

var errNoProof = errors.New("leader could not prove its leadership")

// proven is a stream's state, with the number of messages of a subject if one
// is given, from a server that was its leader for certain when it was asked:
// everything that was acknowledged before the call is in it. It asks until
// ctx ends.
func (c *conn) proven(ctx context.Context, stream, subject string) (infoAnswer, error) {
	for try := 0; ; try++ {
		asked := time.Now()
		a, err := c.askInfo(ctx, stream, subject)
		switch {
		case err != nil:
		case a.Error != nil || !a.majority():
			err = errNoProof
		case c.runs.settled(stream, a.Cluster, asked, time.Now()):
			return a, nil
		default:
			err, try = errNoProof, settleTry
		}
		if !transient(err) || !backoff(ctx, try) {
			return a, fmt.Errorf("state of %s: %w: %w", stream, es.ErrUnavailable, err)
		}
	}
}

// settleTry is the backoff between the answers of a run that has not settled:
// long enough to ask twice or thrice.
const settleTry = 4

// info is a stream's state from a server that takes itself for its leader.
func (c *conn) info(ctx context.Context, stream, subject string) (infoAnswer, error) {
	for try := 0; ; try++ {
		a, err := c.askInfo(ctx, stream, subject)
		if err == nil && a.Error != nil {
			err = errNoProof
		}
		if err == nil {
			return a, nil
		}
		if !transient(err) || !backoff(ctx, try) {
			return a, fmt.Errorf("state of %s: %w: %w", stream, es.ErrUnavailable, err)
		}
	}
}

func (c *conn) askInfo(ctx context.Context, stream, subject string) (infoAnswer, error) {
	var a infoAnswer
	ctx, cancel := context.WithTimeout(ctx, proofAge)
	defer cancel()
	body, err := json.Marshal(map[string]string{"subjects_filter": subject})
	if err != nil {
		return a, fmt.Errorf("encode request: %w", err)
	}
	m, err := c.nc.RequestWithContext(ctx, apiRoot+"STREAM.INFO."+stream, body)
	if err != nil {
		return a, fmt.Errorf("stream info: %w", err)
	}
	if err := json.Unmarshal(m.Data, &a); err != nil {
		return a, fmt.Errorf("decode stream info: %w", err)
	}
	return a, nil
}

// whole reports whether no message of a stream that begins at 1 is missing.
func (a infoAnswer) whole() bool { return a.State.Msgs == a.State.LastSeq }

func (a infoAnswer) majority() bool {
	seen := 1
	for _, r := range a.Cluster.Replicas {
		if !r.Offline && r.Active > 0 && r.Active < proofAge {
			seen++
		}
	}
	return 2*seen > 1+len(a.Cluster.Replicas)
}
