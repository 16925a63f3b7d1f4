package demo

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"strings"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/policydoc"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// requestID is the id of a command that a later run may repeat: the same name
// makes the same id.
func (p *player) requestID(name string) string {
	sum := sha256.Sum256([]byte("habeas-demo/" + p.cfg.Client.Tenant + "/" + name))
	b := sum[:16]
	b[6], b[8] = b[6]&0x0f|0x50, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// tenant makes the tenant unless it is there.
func (p *player) tenant(ctx context.Context) error {
	_, err := p.tenants.GetTenant(ctx, &identityv1.GetTenantRequest{})
	if status.Code(err) != codes.NotFound {
		return err
	}
	name := p.cfg.Client.Tenant
	_, err = p.tenants.CreateTenant(ctx, &identityv1.CreateTenantRequest{
		RequestId: p.requestID("tenant"), Tenant: name, DisplayName: "Demo", TimeZone: "America/New_York", Calendar: "us",
		Safeguards: &identityv1.Safeguards{Delay: durationpb.New(0), ChannelAge: durationpb.New(0)}, // the demo asks at once
	})
	if err == nil {
		p.say("  tenant %s", name)
	}
	return err
}

// publish publishes and posts the policies that come with Habeas.
func (p *player) publish(ctx context.Context) error {
	there, err := p.policies.ListPolicies(ctx, &consentv1.ListPoliciesRequest{})
	if err != nil {
		return err
	}
	posted := map[string]bool{}
	for _, v := range there.GetVersions() {
		posted[v.GetPolicy()] = posted[v.GetPolicy()] || v.GetPostedAt() != nil
	}
	files, err := fs.Glob(policydoc.Published(), "*.yaml")
	if err != nil {
		return fmt.Errorf("find policies: %w", err)
	}
	for _, file := range files {
		if posted[strings.TrimSuffix(file, ".yaml")] {
			continue
		}
		text, err := fs.ReadFile(policydoc.Published(), file)
		if err != nil {
			return fmt.Errorf("read policy: %w", err)
		}
		v, err := p.policies.PublishPolicy(ctx, &consentv1.PublishPolicyRequest{RequestId: p.requestID("publish " + file), Document: text})
		if err != nil {
			return err
		}
		if err := p.post(ctx, text, v); err != nil {
			return err
		}
		p.say("  policy %s, version %d, posted", v.GetPolicy(), v.GetVersion())
	}
	return nil
}

// post says that a version was posted on the day that its document names, with
// the text whose hash it names.
func (p *player) post(ctx context.Context, text []byte, v *consentv1.PublishPolicyResponse) error {
	doc, err := policydoc.Parse(text)
	if err != nil {
		return fmt.Errorf("read policy: %w", err)
	}
	day, err := time.Parse(time.DateOnly, doc.Effective)
	if err != nil {
		return fmt.Errorf("read policy: %w", err)
	}
	_, err = p.policies.PostPolicy(ctx, &consentv1.PostPolicyRequest{
		RequestId: p.requestID("post " + doc.Policy), Policy: v.GetPolicy(), Version: v.GetVersion(),
		TextHash: doc.TextSHA256, PostedAt: timestamppb.New(day),
	})
	return err
}

// registrars is how many people are registered at once.
const registrars = 8

// register makes the people known to identity, by what the systems know them
// by.
func (p *player) register(ctx context.Context) error {
	if p.state.Registered >= len(p.people) {
		return nil
	}
	began := time.Now()
	g, group := errgroup.WithContext(ctx)
	g.SetLimit(registrars)
	for i, person := range p.people {
		g.Go(func() error {
			_, err := p.subjects.RegisterSubject(group, &identityv1.RegisterSubjectRequest{
				RequestId:   p.requestID(fmt.Sprintf("register %d", i)),
				Identifiers: []*identityv1.Identifier{email(person)},
			})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	p.state.Registered = len(p.people)
	p.say("  %d people registered in %.1f s", len(p.people), time.Since(began).Seconds())
	return p.save()
}

func email(p Person) *identityv1.Identifier {
	return &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL, Value: p.Email}
}

// backupDays is how long an invented operator keeps backups.
const backupDays = 30

// describe registers the data systems.
func (p *player) describe(ctx context.Context) error {
	there, err := p.catalog.ListSystems(ctx, &fulfilmentv1.ListSystemsRequest{})
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, s := range there.GetSystems() {
		known[s.GetSystem()] = true
	}
	for _, s := range p.systems {
		if known[s.Name] {
			continue
		}
		resp, err := p.catalog.RegisterSystem(ctx, &fulfilmentv1.RegisterSystemRequest{
			RequestId: p.requestID("system " + s.Name),
			System: &fulfilmentv1.System{
				System: s.Name, Connection: s.Name, Connector: fulfilmentv1.ConnectorKind_CONNECTOR_KIND_SQLITE, Region: "us",
				BackupDays: backupDays, Dataset: s.Dataset,
			},
		})
		if err != nil {
			return err
		}
		p.say("  system %s, version %d, its dataset fits its database", s.Name, resp.GetVersion())
	}
	return nil
}
