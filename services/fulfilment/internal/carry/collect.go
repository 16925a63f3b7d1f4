package carry

import (
	"context"
	"errors"
	"io"
	"slices"

	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/pack"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
)

// collect makes the package of an access request: all systems, or none yet.
func (j *journey) collect(ctx context.Context) error {
	person, err := j.person(ctx)
	if err != nil {
		return err
	}
	systems, closeAll, err := j.openAll(ctx)
	defer closeAll()
	if err != nil {
		return err
	}
	if err := j.startAll(ctx, systems, person); err != nil {
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
	if err := j.record(ctx, j.agg, j.s, "begin-package", request.BeginPackage{Package: name}); err != nil {
		return err
	}
	if err := j.point(PointPackageBegun); err != nil {
		return err
	}
	return j.write(ctx, name, systems, person)
}

// opened is a system that is being collected from.
type opened struct {
	connector.System
	name, region string
}

func (j *journey) openAll(ctx context.Context) ([]opened, func(), error) {
	var out []opened
	closeAll := func() {
		for _, o := range out {
			_ = o.Close()
		}
	}
	for _, y := range j.s.Systems {
		v, err := j.version(ctx, y.Name, j.s.LeavesOf(y.Name)[0].Version)
		if err != nil {
			return nil, closeAll, err
		}
		sys, err := j.cfg.Connect.Open(ctx, j.agg.Tenant, v.Description)
		if err != nil {
			return nil, closeAll, err
		}
		out = append(out, opened{sys, y.Name, v.Region})
	}
	return out, closeAll, nil
}

// startAll records for each system what it holds, before anything is read.
func (j *journey) startAll(ctx context.Context, systems []opened, p connector.Person) error {
	for _, o := range systems {
		leaves := j.s.LeavesOf(o.name)
		if !slices.ContainsFunc(leaves, func(l request.Leaf) bool { return !l.Started }) {
			continue
		}
		x := &erasure{journey: j, name: o.name, sys: o.System, person: p, leaves: leaves}
		if err := x.look(ctx); err != nil {
			return err
		}
		if err := x.step(ctx, "start", request.StartLeaves{System: o.name, Leaves: x.counts(), At: j.cfg.Now()}); err != nil {
			return err
		}
	}
	return j.point(PointStarted)
}

func (j *journey) write(ctx context.Context, name string, systems []opened, p connector.Person) error {
	contents := pack.Contents{Request: j.agg.ID, MadeAt: j.cfg.Now(), ExpiresAt: j.cfg.Now().Add(j.cfg.PackageLife)}
	for _, o := range systems {
		categories := map[string][]string{}
		for _, l := range j.s.LeavesOf(o.name) {
			categories[l.Collection] = append(categories[l.Collection], l.Category)
		}
		contents.Sources = append(contents.Sources, pack.Source{
			System: o.name, Region: o.region, Categories: categories,
			Collect: func(ctx context.Context, yield func(connector.Row) error) error { return o.Collect(ctx, p, yield) },
		})
	}
	var counts []pack.Count
	size, err := j.cfg.Packages.Write(ctx, j.packageName(name), func(w io.Writer) (err error) {
		counts, err = pack.Archive(ctx, w, contents)
		return err
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

// collected counts the rows of each leaf that are in the package.
func (j *journey) collected(counts []pack.Count) []request.Done {
	var out []request.Done
	for _, l := range j.s.Leaves {
		d := request.Done{Leaf: l.Leaf}
		for _, c := range counts {
			if c.System == l.System && c.Collection == l.Collection {
				d.Collected = c.Rows
			}
		}
		out = append(out, d)
	}
	return out
}
