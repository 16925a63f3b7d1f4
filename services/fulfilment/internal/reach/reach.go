// Package reach connects to data systems by the connections that are
// configured: a file of names and connection strings, which hold secrets and
// pass through nothing else.
package reach

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/dataset"
	"habeas.internal/services/fulfilment/internal/holdersystem"
	"habeas.internal/services/fulfilment/internal/looks"
	"habeas.internal/services/fulfilment/internal/sqlsystem"
	"habeas.internal/services/fulfilment/system"
	"habeas.internal/services/internal/daemon/env"

	"go.yaml.in/yaml/v3"
)

// ErrNoConnection says that the tenant has no connection of that name. Another
// tenant may.
const ErrNoConnection = connector.Error("CONNECTION_NOT_CONFIGURED")

// Reach opens systems of tenants. It is safe for concurrent use.
type Reach struct {
	connections map[owned]env.Secret
	dial        holdersystem.Dial
}

// owned is a connection's name within the one tenant that may use it.
type owned struct{ tenant, name string }

const (
	variable = "HABEAS_CONNECTIONS"
	// forOthers are the permissions that a file with secrets must not give.
	forOthers fs.FileMode = 0o077
)

// Load reads the file of connections: a mapping of "tenant/name" to connection
// strings. No file is no connections. One that others can read is refused, and
// one that gives a connection to no tenant.
func Load(file string, dial holdersystem.Dial) (*Reach, error) {
	r := &Reach{connections: map[owned]env.Secret{}, dial: dial}
	if file == "" {
		return r, nil
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("read connections: %w", err)
	}
	if info.Mode()&forOthers != 0 {
		return nil, env.Problem{Variable: variable, Text: "names a file that others can read; use mode 0600"}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read connections: %w", err)
	}
	named := map[string]string{}
	if yaml.Unmarshal(text, &named) != nil { // the cause may quote a secret
		return nil, env.Problem{Variable: variable, Text: "names a file that is no mapping of names to connection strings"}
	}
	for key, dsn := range named {
		tenant, name, ok := strings.Cut(key, "/")
		if !ok || tenant == "" || name == "" {
			// The key stays unsaid: a file turned about has secrets for keys.
			return nil, env.Problem{Variable: variable, Text: "names a file with a connection of no tenant; write each as tenant/name"}
		}
		r.connections[owned{tenant, name}] = env.Secret(dsn)
	}
	return r, nil
}

// kind is the kind of database that a connector speaks to.
func kind(number uint8) (sqlsystem.Kind, bool) {
	switch fulfilmentv1.ConnectorKind(number) {
	case fulfilmentv1.ConnectorKind_CONNECTOR_KIND_POSTGRESQL:
		return sqlsystem.PostgreSQL, true
	case fulfilmentv1.ConnectorKind_CONNECTOR_KIND_MYSQL:
		return sqlsystem.MySQL, true
	case fulfilmentv1.ConnectorKind_CONNECTOR_KIND_SQLITE:
		return sqlsystem.SQLite, true
	case fulfilmentv1.ConnectorKind_CONNECTOR_KIND_UNSPECIFIED, fulfilmentv1.ConnectorKind_CONNECTOR_KIND_GRPC:
	}
	return "", false
}

// Open connects to a tenant's system as described. The caller closes it.
func (r *Reach) Open(_ context.Context, tenant string, d system.Description) (connector.System, error) {
	dsn, ok := r.connections[owned{tenant, d.Connection}]
	if !ok {
		return nil, ErrNoConnection
	}
	set, err := dataset.Parse([]byte(d.Dataset))
	if err != nil {
		return nil, connector.ErrMismatch // it was accepted once, by an earlier build
	}
	if fulfilmentv1.ConnectorKind(d.Connector) == fulfilmentv1.ConnectorKind_CONNECTOR_KIND_GRPC {
		return holdersystem.Open(holdersystem.Config{URL: dsn.Reveal(), Dial: r.dial, Tenant: tenant, Dataset: set})
	}
	k, ok := kind(d.Connector)
	if !ok {
		return nil, connector.ErrConnector
	}
	return sqlsystem.Open(sqlsystem.Config{Kind: k, DSN: dsn.Reveal(), Dataset: set, Name: d.Connection})
}

// Parts are what the description says the system holds.
func (r *Reach) Parts(d system.Description) ([]connector.Part, error) {
	set, err := dataset.Parse([]byte(d.Dataset))
	if err != nil {
		return nil, connector.ErrMismatch
	}
	var out []connector.Part
	for _, c := range set.Collections {
		if c.Skip {
			continue
		}
		for _, category := range c.Categories() {
			out = append(out, connector.Part{Collection: c.Name, Category: category})
		}
	}
	return out, nil
}

// Check reads a tenant's description and compares it with the system itself. The error is
// dataset.Problems, ErrNoConnection, a connector.Error or one that wraps it.
func (r *Reach) Check(ctx context.Context, tenant string, d system.Description) (collections uint32, remarks []string, err error) {
	set, err := dataset.Parse([]byte(d.Dataset))
	if err != nil {
		return 0, nil, err
	}
	for _, p := range set.Remarks {
		remarks = append(remarks, p.String())
	}
	sys, err := r.Open(ctx, tenant, d)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = sys.Close() }()
	more, err := sys.Check(ctx)
	if err != nil {
		return 0, nil, err
	}
	waived, err := annotated(ctx, sys, d)
	if err != nil {
		return 0, nil, err
	}
	return uint32(len(set.Collections)), slices.Concat(remarks, more, waived), nil
}

// annotated refuses columns that look as if they held data of people and are neither
// described nor waived. It remarks on what is waived.
func annotated(ctx context.Context, sys connector.System, d system.Description) (remarks []string, err error) {
	all, err := sys.Unnamed(ctx)
	if err != nil {
		return nil, err
	}
	waivers := map[string]string{}
	for _, w := range d.Waived() {
		waivers[w.Path] = w.Reason
	}
	var wrong connector.Unannotated
	for _, u := range all {
		reason, waived := waivers[u.Path]
		delete(waivers, u.Path)
		switch {
		case waived:
			remarks = append(remarks, "column "+u.Path+" is not described, by a waiver: "+reason)
		case looks.Personal(u.Column, u.Near):
			wrong = append(wrong, connector.Place{Path: u.Path, Text: "column " + u.Path + " looks as if it held data of people: describe it, or waive it with a reason"})
		}
	}
	for _, path := range slices.Sorted(maps.Keys(waivers)) {
		remarks = append(remarks, "the waiver of "+path+" is for no column that lacks a description")
	}
	if len(wrong) > 0 {
		return remarks, wrong
	}
	return remarks, nil
}
