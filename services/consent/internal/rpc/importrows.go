package rpc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/consent/internal/compile"
	"habeas.internal/services/consent/internal/wire"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/es"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/rpc/fault"

	"buf.build/go/protovalidate"
	"golang.org/x/sync/errgroup"
)

// portion are rows of an import that are stored together: those of one shard
// all or none.
type portion struct {
	log   *log
	id    string // of the import
	first uint64 // number of the first row
	at    time.Time
	rows  []*consentv1.ImportRow
	fates []fate // of each row
	token es.Token

	order []string // who is written about, and what
	cmds  map[string]*person.Import
}

// fate is what became of a row: recorded, if there is no reason.
type fate struct{ reason, field string }

// seen is a policy as the rows of a portion are judged by it.
type seen struct {
	fate
	rules rules
	now   uint32 // the version in force
	terms compile.Compiled
}

// sort finds out what of each row can be stored, and of whom.
func (p *portion) sort(ctx context.Context) error {
	policies := map[string]seen{}
	for i, r := range p.rows {
		if p.fates[i] = p.malformed(ctx, r); p.fates[i].reason != "" {
			continue
		}
		if _, known := policies[r.GetPolicy()]; known {
			continue
		}
		var err error
		if policies[r.GetPolicy()], err = p.policy(ctx, r.GetPolicy()); err != nil {
			return err
		}
	}
	people, err := p.enrol(ctx)
	if err != nil {
		return err
	}
	p.cmds = map[string]*person.Import{}
	for i, r := range p.rows {
		if p.fates[i].reason != "" {
			continue
		}
		row, no := policies[r.GetPolicy()].row(r)
		if p.fates[i] = no; no.reason != "" {
			continue
		}
		row.Number = p.first + uint64(i)
		if p.cmds[people[i]] == nil {
			p.order = append(p.order, people[i])
			p.cmds[people[i]] = &person.Import{ID: p.id, At: p.at}
		}
		p.cmds[people[i]].Rows = append(p.cmds[people[i]].Rows, row)
	}
	return nil
}

// malformed finds what of a row breaks the contract.
func (p *portion) malformed(ctx context.Context, r *consentv1.ImportRow) fate {
	bad := func(field string) fate { return fate{fault.ReasonInvalid, field} }
	if field := r.GetUnreadable(); field != "" {
		return bad(named(field))
	}
	var broken *protovalidate.ValidationError
	if err := protovalidate.Validate(r); errors.As(err, &broken) {
		return bad(fault.Violations(broken.Violations)[0].Field)
	} else if err != nil {
		return bad("row")
	}
	switch ends := r.GetChoice().GetExpiresAt(); {
	case (r.GetSubjectRef() == "") == (r.GetIdentifier() == nil):
		return bad("subject_ref")
	case r.GetDecidedAt().CheckValid() != nil:
		return bad("decided_at")
	case ends != nil && ends.CheckValid() != nil:
		return bad("choice.expires_at")
	}
	act := &consentv1.RecordDecisionRequest{Choices: []*consentv1.Choice{r.GetChoice()}, DecidedAt: r.GetDecidedAt()}
	for _, e := range slices.Concat(chosen(act), acted(ctx, r.GetCircumstances())) {
		return bad(strings.Replace(e.Field, "choices[0]", "choice", 1))
	}
	return fate{}
}

// named is a field's name, or "row": a sender's text is no name of a field.
func named(field string) string {
	first, _, _ := strings.Cut(field, ".")
	if new(consentv1.ImportRow).ProtoReflect().Descriptor().Fields().ByTextName(first) == nil {
		return "row"
	}
	rest := strings.TrimPrefix(field, first)
	if strings.Trim(rest, "._abcdefghijklmnopqrstuvwxyz") != "" || len(rest) > 32 {
		return first
	}
	return field
}

// policy reads the policy that rows name.
func (p *portion) policy(ctx context.Context, id string) (seen, error) {
	rules, _, err := p.log.rules(ctx, policyAggregate(ctx, id))
	if err != nil {
		return seen{}, err
	}
	if len(rules.state.Versions) == 0 {
		return seen{fate: fate{"POLICY_NOT_FOUND", "policy"}}, nil
	}
	v, compiled, ok := rules.inForce(p.at)
	if !ok {
		return seen{fate: fate{"POLICY_NOT_IN_FORCE", "policy"}}, nil
	}
	return seen{rules: rules, now: v.Number, terms: compiled}, nil
}

// row is a row in the domain's words.
func (s seen) row(r *consentv1.ImportRow) (person.Row, fate) {
	if s.reason != "" {
		return person.Row{}, s.fate
	}
	act := &consentv1.RecordDecisionRequest{
		Choices: []*consentv1.Choice{r.GetChoice()}, DecidedAt: r.GetDecidedAt(), Evidence: r.GetEvidence(), Circumstances: r.GetCircumstances(),
	}
	row := person.Row{
		Policy: r.GetPolicy(), Choice: choices(s.terms, act)[0], Evidence: evidence(act), DecidedAt: r.GetDecidedAt().AsTime(),
		Circumstances: wire.Circumstances(r.GetCircumstances()), Version: r.GetVersion(),
	}
	if row.Version > uint32(len(s.rules.state.Versions)) {
		return row, fate{"POLICY_NOT_FOUND", "version"}
	}
	if row.Version > 0 {
		return row, fate{}
	}
	if row.Version = s.version(row.DecidedAt); row.Version > 0 {
		return row, fate{}
	}
	if gives := row.Choice.Status == person.Given || row.Choice.Status == person.Renewed; gives {
		return row, fate{"POLICY_NOT_IN_FORCE", "version"} // nobody knows what it was given to
	}
	row.Version = s.now
	return row, fate{}
}

// version is the one that was in force when a person acted; zero for none.
func (s seen) version(at time.Time) uint32 {
	for _, v := range slices.Backward(s.rules.state.Versions) {
		if from := v.InForce(); !from.IsZero() && !from.After(at) {
			return v.Number
		}
	}
	return 0
}

// maxEnrolled is the most identifiers of one question to identity.
const maxEnrolled = 500

// enrol returns who each row is about. Identity is asked once about each
// identifier.
func (p *portion) enrol(ctx context.Context) ([]string, error) {
	type key struct {
		kind  identityv1.IdentifierKind
		value string
	}
	refs := make([]string, len(p.rows))
	rows := map[key][]int{}
	var ask []*identityv1.Identifier
	for i, r := range p.rows {
		refs[i] = r.GetSubjectRef()
		if id := r.GetIdentifier(); id != nil && p.fates[i].reason == "" {
			k := key{id.GetKind(), id.GetValue()}
			if rows[k] == nil {
				ask = append(ask, id)
			}
			rows[k] = append(rows[k], i)
		}
	}
	if len(ask) > 0 && p.log.Subjects == nil {
		return nil, errIdentity
	}
	ctx = client.WithTenant(ctx, kit.PrincipalFrom(ctx).Tenant)
	for some := range slices.Chunk(ask, maxEnrolled) {
		found, err := p.log.Subjects.EnrolSubjects(ctx, &identityv1.EnrolSubjectsRequest{Cause: p.id, Identifiers: some})
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errIdentity, err)
		}
		if len(found.GetSubjects()) != len(some) {
			return nil, errIdentity
		}
		for j, who := range found.GetSubjects() {
			for _, i := range rows[key{some[j].GetKind(), some[j].GetValue()}] {
				refs[i] = who.GetSubjectRef()
				if refs[i] == "" {
					p.fates[i] = fate{who.GetReason(), "identifier"}
				}
			}
		}
	}
	return refs, nil
}

// append stores what the rows of each person come to, one batch a shard.
func (p *portion) append(ctx context.Context) error {
	batches := map[string][]es.Item[person.Command]{}
	for _, ref := range p.order {
		agg := personAggregate(ctx, ref)
		at, err := p.log.Locator.Locate(agg)
		if err != nil {
			return err
		}
		id := es.DeriveID(agg.Tenant, p.id, fmt.Sprint(p.cmds[ref].Rows[0].Number))
		batches[at.Stream] = append(batches[at.Stream], es.Item[person.Command]{
			Aggregate: agg, Command: es.Command[person.Command]{ID: id, At: p.at, Meta: es.Meta{Correlation: p.id}, Data: *p.cmds[ref]},
		})
	}
	g, within := errgroup.WithContext(ctx)
	tokens := make(chan es.Token, len(batches))
	for _, items := range batches {
		g.Go(func() error {
			done, err := p.log.persons.HandleGroup(within, items)
			if err != nil {
				return err
			}
			seen := es.Token{}
			for i, d := range done {
				p.judge(d.Before, items[i].Command.Data)
				seen = seen.Merge(d.Token())
			}
			tokens <- seen
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	close(tokens)
	for t := range tokens {
		p.token = p.token.Merge(t)
	}
	return nil
}

// judge notes what became of a person's rows.
func (p *portion) judge(before person.Person, cmd person.Command) {
	c, ok := cmd.(person.Import)
	if !ok {
		return
	}
	for _, v := range person.Verdicts(before, c) {
		p.fates[v.Row-p.first].reason = string(v.Refusal)
	}
}
