// Package demo shows an installation at work: it fills two data systems with
// invented people, publishes policies, registers people and systems, files an
// access and an erasure request, follows them to their end and says what was
// found, erased and kept, and why.
//
// It speaks to the services as anybody does, over gRPC with a token; only the
// one-time codes it takes from the installation's mail sink. Each run files
// requests of two other people, so that a folder can be shown again.
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/habeas/internal/local"
	"habeas.internal/services/habeas/internal/remote"
	"habeas.internal/services/internal/devmail"
	"habeas.internal/services/internal/wholefile"
)

// Config is what a demo needs.
type Config struct {
	// Dir is the folder of the demo's databases and its state.
	Dir    string
	Client local.Client
	Mail   *devmail.Sink
	// Out gets the story, for people.
	Out io.Writer
	// Limit bounds the whole.
	Limit time.Duration
}

// Story is what a run did, for programs.
type Story struct {
	Tenant   string     `json:"tenant"`
	People   int        `json:"people"`
	Requests []Followed `json:"requests"`
}

// Followed is one request that was followed to its end.
type Followed struct {
	Request string `json:"request"`
	Subject string `json:"subject"`
	Right   string `json:"right"`
	Outcome string `json:"outcome"`
	// Before and After are what was found of the person in the demo's databases.
	Before Scan `json:"scan_before"`
	After  Scan `json:"scan_after"`
}

// Connections are the demo's data systems as fulfilment reaches them for a tenant.
func Connections(tenant, dir string) (map[string]string, error) {
	systems, err := Systems()
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, s := range systems {
		out[tenant+"/"+s.Name] = fileURL(s.Path(dir))
	}
	return out, nil
}

// Prepare makes the demo's databases.
func Prepare(ctx context.Context, dir string) error {
	systems, err := Systems()
	if err != nil {
		return err
	}
	for _, s := range systems {
		if err := s.Make(ctx, dir); err != nil {
			return err
		}
	}
	return nil
}

// player runs one demo.
type player struct {
	cfg     Config
	systems []System
	people  []Person
	state   state

	tenants  identityv1.TenantServiceClient
	subjects identityv1.SubjectServiceClient
	policies consentv1.PolicyServiceClient
	catalog  fulfilmentv1.SystemServiceClient
	requests fulfilmentv1.RequestServiceClient
}

// state is what a later run has to know.
type state struct {
	Registered int `json:"registered"` // people
	Runs       int `json:"runs"`
}

// Run plays the demo. An error is the service's own answer where there was one.
func Run(ctx context.Context, cfg Config) (Story, error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.Limit)
	defer cancel()
	conns, err := remote.New(cfg.Client, "", 10*time.Second)
	if err != nil {
		return Story{}, err
	}
	defer conns.Close()
	p := &player{cfg: cfg, people: People()}
	if err := p.connect(conns); err != nil {
		return Story{}, err
	}
	if p.systems, err = Systems(); err != nil {
		return Story{}, err
	}
	if err := p.load(); err != nil {
		return Story{}, err
	}
	story, err := p.play(ctx)
	return story, remote.Of(err)
}

func (p *player) connect(conns *remote.Conns) error {
	identity, err := conns.To("identity")
	if err != nil {
		return err
	}
	consent, err := conns.To("consent")
	if err != nil {
		return err
	}
	fulfilment, err := conns.To("fulfilment")
	if err != nil {
		return err
	}
	p.tenants, p.subjects = identityv1.NewTenantServiceClient(identity), identityv1.NewSubjectServiceClient(identity)
	p.policies = consentv1.NewPolicyServiceClient(consent)
	p.catalog, p.requests = fulfilmentv1.NewSystemServiceClient(fulfilment), fulfilmentv1.NewRequestServiceClient(fulfilment)
	return nil
}

func (p *player) play(ctx context.Context) (Story, error) {
	story := Story{Tenant: p.cfg.Client.Tenant, People: len(p.people)}
	for _, step := range []func(context.Context) error{p.tenant, p.publish, p.register, p.describe} {
		if err := step(ctx); err != nil {
			return story, err
		}
	}
	asks, err := p.asks()
	if err != nil {
		return story, err
	}
	for _, ask := range asks {
		f, err := p.follow(ctx, ask)
		if err != nil {
			return story, err
		}
		story.Requests = append(story.Requests, f)
	}
	return story, nil
}

func (p *player) say(format string, args ...any) { _, _ = fmt.Fprintf(p.cfg.Out, format+"\n", args...) }

func (p *player) statePath() string { return filepath.Join(p.cfg.Dir, "state.json") }

func (p *player) load() error {
	text, err := wholefile.Read(p.statePath(), wholefile.Usual)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, &p.state)
	}
	if err != nil {
		return fmt.Errorf("read the demo's state: %w", err)
	}
	return nil
}

func (p *player) save() error {
	text, err := json.Marshal(p.state)
	if err == nil {
		err = os.WriteFile(p.statePath(), text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("write the demo's state: %w", err)
	}
	return nil
}
