package consents

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/bench/internal/eventlog"
	"habeas.internal/services/bench/internal/place"
	"habeas.internal/services/bench/internal/servers"
	"habeas.internal/services/consent/consentd"
	"habeas.internal/services/internal/policydoc"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// world is an installation with consent in it.
type world struct {
	*place.Place
	section  *eventlog.Section
	in       eventlog.Settings
	name     string
	redis    *servers.Redis
	identity string
}

// domain is what consent appends to.
const domain = "consent"

// lease is how long keys are lent: they are of digests, and of no person.
const lease = 5 * time.Minute

// newWorld starts everything but consent.
func newWorld(ctx context.Context, s *eventlog.Section, in eventlog.Settings, name string, shards int) (*world, error) {
	w := &world{section: s, in: in, name: name}
	var err error
	if w.Place, err = place.New(ctx, s, in, name, shards, map[string]string{consentd.Name: domain}); err != nil {
		return nil, err
	}
	if w.redis, err = servers.StartRedis(ctx, filepath.Join(in.Dir, s.Name+"-redis"+name)); err != nil {
		return nil, err
	}
	s.Closing(w.redis.Stop)
	w.identity, err = w.StartIdentity(ctx, lease)
	return w, err
}

// replica is a consent in a process of its own.
type replica struct {
	*servers.Own
	dir string
}

// start runs a replica, with variables of its own, until the section is closed.
func (w *world) start(ctx context.Context, name, command string, env ...string) (*replica, error) {
	environ, err := w.Environ(consentd.Name)
	if err != nil {
		return nil, err
	}
	r := &replica{dir: filepath.Join(w.in.Dir, w.section.Name+"-"+name+w.name)}
	environ = append(environ, "HABEAS_IDENTITY_TARGET="+w.identity, "HABEAS_REDIS_URL="+w.redis.URL(), "HABEAS_OTLP_FILE="+filepath.Join(r.dir, "spans"))
	if r.Own, err = servers.StartOwn(ctx, w.in.Self, command, r.dir, append(environ, env...)...); err != nil {
		return nil, err
	}
	w.section.Closing(r.Stop)
	return r, nil
}

// heap is how many bytes of heap a replica uses.
func (r *replica) heap(ctx context.Context) (int, error) {
	path := filepath.Join(r.dir, heapFile)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	if err := r.Signal(syscall.SIGUSR1); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, place.StartLimit)
	defer cancel()
	for {
		text, err := os.ReadFile(path)
		if err == nil {
			return strconv.Atoi(string(text))
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return 0, fmt.Errorf("a replica did not say what it uses: %w", err)
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// policy is one that is published with Habeas.
const policy = "qcera"

// publish puts the policy into force.
func (w *world) publish(ctx context.Context, at *replica) error {
	conn, err := w.DialAs(at.Addr, "dpo")
	if err != nil {
		return err
	}
	document, err := fs.ReadFile(policydoc.Published(), policy+".yaml")
	if err != nil {
		return err
	}
	doc, err := policydoc.Parse(document)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, place.Patience)
	defer cancel()
	c := consentv1.NewPolicyServiceClient(conn)
	if _, err := c.PublishPolicy(ctx, &consentv1.PublishPolicyRequest{RequestId: uuid.NewString(), Document: document}); err != nil {
		return fmt.Errorf("publish policy: %w", err)
	}
	_, err = c.PostPolicy(ctx, &consentv1.PostPolicyRequest{
		RequestId: uuid.NewString(), Policy: policy, Version: 1, TextHash: doc.TextSHA256, PostedAt: timestamppb.Now(),
	})
	if err != nil {
		return fmt.Errorf("post policy: %w", err)
	}
	return nil
}

// product connects as a product.
func (w *world) product(at *replica) (*grpc.ClientConn, error) { return w.DialAs(at.Addr, "product") }
