package jetstream

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"time"

	logv1 "habeas.internal/proto/gen/habeas/log/v1"
	"habeas.internal/services/internal/es"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Installation is what Provision makes an installation from.
type Installation struct {
	LogSigner es.Signer // the log key; Config.LogKey is its public half
	// Services are the service keys that may announce instances, by the
	// contexts in which they may.
	Services  []ServiceKey
	Ancestors []*logv1.Ancestor // where the history was imported from
	Random    io.Reader
	Now       time.Time
}

// ServiceKey is one service's long-lived public key.
type ServiceKey struct {
	Service  string
	Contexts []string
	Public   ed25519.PublicKey
}

// Provision makes the streams of an installation and their genesis commits,
// and announces the service keys. Running it again changes nothing. It
// refuses with ErrMissingStream when an installation that was complete, or
// holds history, lacks a stream: what is gone is to be restored, not made
// anew.
func Provision(ctx context.Context, cfg Config, in Installation) (*Log, error) {
	cfg.Signer, cfg.LogKey = in.LogSigner, in.LogSigner.Public()
	l, err := newLog(cfg)
	if err != nil {
		return nil, err
	}
	p := provisioner{log: l, in: in}
	if err := p.survey(ctx); err != nil {
		return nil, err
	}
	for _, c := range cfg.Topology.Contexts {
		for k := range cfg.Topology.Shards {
			if err := p.logStream(ctx, c, k); err != nil {
				return nil, fmt.Errorf("provision %s: %w", StreamName(c, k), err)
			}
		}
	}
	for _, sc := range mutableConfigs(cfg.Topology, p.meta) {
		if _, err := p.stream(ctx, sc); err != nil {
			return nil, fmt.Errorf("provision %s: %w", sc.Name, err)
		}
	}
	return l, p.announce(ctx)
}

type provisioner struct {
	log          *Log
	in           Installation
	installation string
	epoch        string
}

// survey looks at what exists before anything is made.
func (p *provisioner) survey(ctx context.Context) error {
	var missing, history bool
	for _, c := range p.log.cfg.Topology.Contexts {
		for k := range p.log.cfg.Topology.Shards {
			s, err := p.log.lookup(ctx, StreamName(c, k))
			if errors.Is(err, jetstream.ErrStreamNotFound) {
				missing = true
				continue
			}
			if err != nil {
				return fmt.Errorf("survey: %w: %w", es.ErrUnavailable, err)
			}
			p.installation = s.CachedInfo().Config.Metadata[metaInstallation]
			domain, err := p.holdsHistory(ctx, s)
			if err != nil {
				return err
			}
			history = history || domain
		}
	}
	complete := true
	if _, err := p.log.lookup(ctx, StreamPark); errors.Is(err, jetstream.ErrStreamNotFound) { // made last
		complete = false
	} else if err != nil {
		return fmt.Errorf("survey: %w: %w", es.ErrUnavailable, err)
	}
	if missing && (complete || history) {
		return fmt.Errorf("survey: installation %q lacks a log stream: %w", p.installation, es.ErrMissingStream)
	}
	if p.installation != "" {
		return nil
	}
	var err error
	p.installation, err = es.NewID(p.in.Random)
	return err
}

// holdsHistory reports whether a stream holds more than control commits.
func (p *provisioner) holdsHistory(ctx context.Context, s jetstream.Stream) (bool, error) {
	var info *jetstream.StreamInfo
	err := p.log.ask(ctx, func(ctx context.Context) (err error) {
		info, err = s.Info(ctx, jetstream.WithSubjectFilter("habeas.ev.*.*."+es.LogTenant+".>"))
		return err
	})
	if err != nil {
		return false, fmt.Errorf("survey: %w: %w", es.ErrUnavailable, err)
	}
	control := uint64(0)
	for _, n := range info.State.Subjects {
		control += n
	}
	return info.State.LastSeq > control, nil
}

func (p *provisioner) meta() map[string]string {
	return map[string]string{
		metaInstallation: p.installation,
		metaEpoch:        p.epoch,
		metaShards:       fmt.Sprint(p.log.cfg.Topology.Shards),
		metaSchema:       es.SchemaVersion,
	}
}

// stream makes a stream unless it exists.
func (p *provisioner) stream(ctx context.Context, c jetstream.StreamConfig) (jetstream.Stream, error) {
	s, err := p.log.lookup(ctx, c.Name)
	if err == nil {
		return s, nil
	}
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("look up: %w: %w", es.ErrUnavailable, err)
	}
	epoch, err := es.NewID(p.in.Random)
	if err != nil {
		return nil, err
	}
	c.Metadata[metaEpoch] = epoch
	err = p.log.ask(ctx, func(ctx context.Context) error { // the same stream twice is no error
		s, err = p.log.js.CreateStream(ctx, c)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("create: %w", err)
	}
	return s, nil
}

func (p *provisioner) logStream(ctx context.Context, c string, k int) error {
	top := p.log.cfg.Topology
	s, err := p.stream(ctx, logConfig(c, k, top.Shards, top.Replicas, p.meta()))
	if err != nil {
		return err
	}
	live := s.CachedInfo().Config
	sh := &shard{context: c, name: live.Name, index: k, epoch: live.Metadata[metaEpoch]}
	if sh.config, err = configJSON(live); err != nil {
		return err
	}
	p.log.shards[c] = append(p.log.shards[c], sh)
	commit, err := es.GenesisCommit(p.in.Random, p.log.control(sh), &logv1.Genesis{
		Installation: p.installation, Stream: sh.name, Epoch: sh.epoch, Configuration: sh.config,
		LogKey: p.in.LogSigner.Public(), Schema: 1, Shards: uint32(top.Shards),
		Ancestors: p.in.Ancestors, ProvisionedAt: timestamppb.New(p.in.Now),
	})
	if err != nil {
		return err
	}
	if _, err = p.log.Append(ctx, es.Head{}, commit); err != nil && !errors.Is(err, es.ErrConflict) {
		return fmt.Errorf("write genesis: %w", err)
	}
	_, err = p.log.checkGenesis(ctx, sh)
	return err
}

func (p *provisioner) announce(ctx context.Context) error {
	for _, key := range p.in.Services {
		for _, c := range key.Contexts {
			for _, sh := range p.log.shards[c] {
				err := es.Announce(ctx, p.log, p.in.Random, p.log.control(sh), logv1.KeyRole_KEY_ROLE_SERVICE, key.Service, key.Public, p.in.Now)
				if err != nil {
					return fmt.Errorf("%s on %s: %w", key.Service, sh.name, err)
				}
			}
		}
	}
	return nil
}

// AnnounceInstance makes this instance's signing key known in every shard of
// a context; the service's key signs, which the log key must have announced
// under that name. To be called before the first append.
func (l *Log) AnnounceInstance(ctx context.Context, random io.Reader, service es.Signer, name, domain string, now time.Time) error {
	for _, sh := range l.shards[domain] { // before anything is appended: see MayAnnounce
		if err := l.ring.MayAnnounce(ctx, l.control(sh), name, service); err != nil {
			return fmt.Errorf("announce instance on %s: %w", sh.name, err)
		}
	}
	as := l.As(service)
	for _, sh := range l.shards[domain] {
		err := es.Announce(ctx, as, random, l.control(sh), logv1.KeyRole_KEY_ROLE_INSTANCE, name, l.cfg.Signer.Public(), now)
		if err != nil {
			return fmt.Errorf("announce instance on %s: %w", sh.name, err)
		}
	}
	return nil
}
