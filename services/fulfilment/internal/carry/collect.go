package carry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/pack"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
)

// collect makes the package of an access request: all systems, or none yet.
func (j *journey) collect(ctx context.Context) error {
	refs, err := j.whose(ctx)
	if err != nil {
		return err
	}
	person, systems, closeAll, err := j.sources(ctx)
	defer closeAll()
	if err != nil {
		return err
	}
	located, err := j.startAll(ctx, systems, person)
	if err != nil {
		return err
	}
	if j.s.Package.Name != "" { // a try that was cut off
		if err := j.cfg.Packages.Delete(ctx, j.agg.Tenant, j.s.Package.Name); err != nil {
			return err
		}
	}
	name, err := es.NewID(j.cfg.Random)
	if err != nil {
		return err
	}
	if err := j.record(ctx, j.agg, j.s, "begin-package", request.BeginPackage{Package: name, Refs: refs}); err != nil {
		return err
	}
	if err := j.point(PointPackageBegun); err != nil {
		return err
	}
	return j.write(ctx, name, refs, systems, person, located)
}

// whose tells identity that a package is about to be made of the person, and
// returns by which references they are looked for. What is told first is known to
// whoever is separated from them later.
func (j *journey) whose(ctx context.Context) ([]string, error) {
	if err := j.touch(ctx, identityv1.TouchKind_TOUCH_KIND_PACKAGE); err != nil {
		return nil, err
	}
	refs, err := j.References(ctx, j.s.SubjectRef)
	slices.Sort(refs)
	return refs, err
}

// same is failPersonChanged if the person has been merged or separated since their
// references were asked for: their package may lack rows, or have somebody else's.
func (j *journey) same(ctx context.Context, refs []string) error {
	now, err := j.References(ctx, j.s.SubjectRef)
	if err != nil {
		return err
	}
	if slices.Sort(now); !slices.Equal(now, refs) {
		return failPersonChanged
	}
	return nil
}

// opened is a system that is being collected from.
type opened struct {
	shows
	name, region string
}

// shows is what is needed of a system to show what it holds.
type shows interface {
	Locate(ctx context.Context, p connector.Person) ([]connector.Found, error)
	Collect(ctx context.Context, p connector.Person, yield func(connector.Row) error) error
	Close() error
}

// sources are where the package comes from, and as whom they know the person. For a
// list it is the register alone, which knows them by reference, whatever identity has
// forgotten.
func (j *journey) sources(ctx context.Context) (connector.Person, []opened, func(), error) {
	if j.s.Right.Lists() {
		key, err := eventpb.Open(ctx, j.cfg.Opener, purpose, j.agg, j.s.DigestKey)
		if err != nil {
			return connector.Person{}, nil, func() {}, fmt.Errorf("open digest key: %w", err)
		}
		return connector.Person{Key: []byte(key)}, []opened{{shows: j.register(), name: request.OwnSystem}}, func() {}, nil
	}
	person, err := j.person(ctx)
	if err != nil {
		return person, nil, func() {}, err
	}
	systems, closeAll, err := j.openAll(ctx)
	return person, systems, closeAll, err
}

func (j *journey) openAll(ctx context.Context) ([]opened, func(), error) {
	var out []opened
	closeAll := func() {
		for _, o := range out {
			_ = o.Close()
		}
	}
	for _, y := range j.s.Systems {
		leaves := j.s.LeavesOf(y.Name)
		if !slices.ContainsFunc(leaves, func(l request.Leaf) bool { return !l.Ended() }) {
			continue // it was retired, or rejected
		}
		v, err := j.inUse(ctx, y.Name, leaves[0].Version)
		if err != nil {
			return nil, closeAll, err
		}
		sys, err := j.cfg.Connect.Open(ctx, j.agg.Tenant, v.Description)
		if err != nil {
			return nil, closeAll, inSystem{name: y.Name, error: err}
		}
		out = append(out, opened{sys, y.Name, v.Region})
	}
	return out, closeAll, nil
}

// startAll looks what each system holds now, and records it before anything is
// read for the first time. It returns the rows of each leaf.
func (j *journey) startAll(ctx context.Context, systems []opened, p connector.Person) (map[uint32]uint64, error) {
	located := map[uint32]uint64{}
	for _, o := range systems {
		leaves := j.s.LeavesOf(o.name)
		x := &erasure{journey: j, name: o.name, person: p, leaves: leaves}
		if err := x.find(ctx, o); err != nil {
			return nil, inSystem{name: o.name, error: err}
		}
		for _, l := range leaves {
			located[l.Leaf] = x.rowsOf(l).Rows
		}
		if !slices.ContainsFunc(leaves, func(l request.Leaf) bool { return !l.Started && !l.Ended() }) {
			continue
		}
		if err := x.step(ctx, "start", request.StartLeaves{System: o.name, Leaves: x.counts(), At: j.cfg.Now()}); err != nil {
			return nil, err
		}
	}
	return located, j.point(PointStarted)
}

// shrunkTries is how many tries in a row have to find less than an earlier look
// before it is believed that rows have gone meanwhile, and shrunkFor over how long:
// who asks for tries at once does not make it believed sooner.
const (
	shrunkTries = 10
	shrunkFor   = 4 * time.Hour
)

// whole refuses a package with fewer rows than its systems were found to hold:
// by this try's own look always, and by the manifest or an earlier look until
// so many tries have agreed that the rows are gone.
func (j *journey) whole(located map[uint32]uint64, in []request.Done) error {
	shrunk := slices.ContainsFunc(j.s.Failures, func(f request.Failure) bool {
		return f.Step == request.StepCollect && f.Reason == failCollectedLess.Reason() &&
			f.Same >= shrunkTries && j.cfg.Now().Sub(f.First) >= shrunkFor
	})
	for _, d := range in {
		i := slices.IndexFunc(j.s.Leaves, func(l request.Leaf) bool { return l.Leaf == d.Leaf })
		l := j.s.Leaves[i]
		if d.Collected < located[l.Leaf] || !shrunk && d.Collected < max(l.Rows, l.RowsFound) {
			return inSystem{name: l.System, error: failCollectedLess}
		}
	}
	return nil
}

func (j *journey) write(ctx context.Context, name string, refs []string, systems []opened, p connector.Person, located map[uint32]uint64) error {
	contents := pack.Contents{
		Heading: j.heading(), Request: j.agg.ID, MadeAt: j.cfg.Now(), ExpiresAt: j.s.PackageUntil(j.cfg.Now(), j.cfg.PackageLife),
	}
	if !j.s.Right.Lists() {
		about, err := j.about(ctx)
		if err != nil {
			return err
		}
		contents.About = &about
	}
	for _, o := range systems {
		categories := map[string][]string{}
		var withheld []connector.Part
		for _, l := range j.s.LeavesOf(o.name) {
			if l.Outcome == request.LeafRejected {
				withheld = append(withheld, connector.Part{Collection: l.Collection, Category: l.Category})
				continue
			}
			categories[l.Collection] = append(categories[l.Collection], l.Category)
		}
		contents.Sources = append(contents.Sources, pack.Source{
			System: o.name, Region: o.region, Categories: categories,
			Collect: func(ctx context.Context, yield func(connector.Row) error) error {
				if err := o.Collect(ctx, p, without(withheld, categories, yield)); err != nil {
					return inSystem{name: o.name, error: err}
				}
				return nil
			},
		})
	}
	var counts []pack.Count
	size, err := j.cfg.Packages.Write(ctx, j.packageName(name), func(w io.Writer) (err error) {
		if counts, err = pack.Archive(ctx, w, contents); err != nil {
			return err
		}
		if err := j.whole(located, j.collected(counts)); err != nil {
			return err
		}
		return j.same(ctx, refs) // otherwise nothing is stored
	})
	if err != nil {
		return err
	}
	if err := j.point(PointPackageWritten); err != nil {
		return err
	}
	err = j.note(ctx, request.StepCollect, request.FinishPackage{
		Package: name, Size: size, ExpiresAt: contents.ExpiresAt, Leaves: j.collected(counts), At: j.cfg.Now(),
	})
	if err == nil {
		j.traceLeaves(ctx, contents.MadeAt, j.s.Leaves)
	}
	if errors.Is(err, request.ErrOutOfStep) { // another package has taken its place
		return errors.Join(err, j.cfg.Packages.Delete(ctx, j.agg.Tenant, name))
	}
	return err
}

func (j *journey) packageName(name string) pack.Name {
	return pack.Name{Tenant: j.agg.Tenant, Request: j.agg.ID, Package: name}
}

// collected counts the rows of each leaf that are in the package, and the card
// numbers masked in them.
func (j *journey) collected(counts []pack.Count) []request.Done {
	var out []request.Done
	for _, l := range j.s.Leaves {
		d := request.Done{Leaf: l.Leaf}
		if l.Ended() {
			continue
		}
		for _, c := range counts {
			if c.System == l.System && c.Collection == l.Collection {
				d.Collected = c.Rows
				d.Cards = c.Cards[l.Category]
				if first := j.firstOf(l.System, l.Collection); first == l.Leaf {
					d.Cards += c.Cards[""]
				}
			}
		}
		out = append(out, d)
	}
	return out
}

// firstOf is the first leaf of a collection.
func (j *journey) firstOf(system, collection string) uint32 {
	for _, l := range j.s.Leaves {
		if l.System == system && l.Collection == collection {
			return l.Leaf
		}
	}
	return 0
}
