package rpc

import (
	"context"
	"errors"
	"fmt"
	"slices"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/fulfilment/catalogue"
	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/dataset"
	"habeas.internal/services/fulfilment/internal/view"
	"habeas.internal/services/fulfilment/system"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/rpc/client"
	"habeas.internal/services/internal/rpc/fault"
)

// RegisterSystem checks a description against the system itself, records it,
// and shows it in the catalogue.
func (s *Server) RegisterSystem(ctx context.Context, r *fulfilmentv1.RegisterSystemRequest) (*fulfilmentv1.RegisterSystemResponse, error) {
	m := r.GetSystem()
	d := system.Description{
		System: m.GetSystem(), Connector: uint8(m.GetConnector()), Connection: m.GetConnection(), Region: m.GetRegion(),
		BackupDays: m.GetBackupDays(), Dataset: string(m.GetDataset()), Owner: m.GetOwner(), Waivers: waivers(m.GetWaivers()),
	}
	tenant := tenantOf(ctx)
	collections, remarks, err := s.Checker.Check(ctx, tenant, d)
	if err != nil {
		return nil, described(err)
	}
	named, err := s.remarks(ctx, tenant, d)
	if err != nil {
		return nil, err
	}
	d.Collections, remarks = collections, append(named, remarks...)
	cmd, err := command[system.Command](s, r.GetRequestId(), r, system.Register{Description: d, Remarks: remarks, At: s.Now()})
	if err != nil {
		return nil, err
	}
	res, err := s.Systems.Handle(ctx, carry.SystemOf(tenant, d.System), cmd)
	if errors.Is(err, system.ErrReserved) {
		return nil, fault.FieldErrors{{Field: "system.system", Rule: "SYSTEM_NAME_RESERVED", Text: "the name stands for a part of Habeas itself"}}.
			Unmet("SYSTEM_NAME_RESERVED", "the name of the system is reserved")
	}
	if err != nil {
		return nil, err
	}
	latest, ok := res.State.Latest()
	if !ok {
		return nil, system.ErrNoSystem
	}
	if err := s.Carrier.List(ctx, tenant, latest, res.State.Retired); err != nil {
		return nil, err
	}
	out := &fulfilmentv1.RegisterSystemResponse{Version: latest.Number, Remarks: remarks, ConsistencyToken: res.Token().Encode()}
	for _, ev := range res.Events { // a repeat is answered with the first call's version
		if e, ok := ev.(system.Registered); ok {
			out.Version, out.Remarks = e.Number, e.Remarks
		}
	}
	return out, nil
}

// RetireSystem takes a system out of use and off the catalogue.
func (s *Server) RetireSystem(ctx context.Context, r *fulfilmentv1.RetireSystemRequest) (*fulfilmentv1.RetireSystemResponse, error) {
	tenant := tenantOf(ctx)
	cmd, err := command[system.Command](s, r.GetRequestId(), r, system.Retire{Reason: r.GetReason(), At: s.Now()})
	if err != nil {
		return nil, err
	}
	res, err := s.Systems.Handle(ctx, carry.SystemOf(tenant, r.GetSystem()), cmd)
	if err != nil {
		return nil, err
	}
	latest, ok := res.State.Latest()
	if !ok {
		return nil, system.ErrNoSystem
	}
	if err := s.Carrier.List(ctx, tenant, latest, res.State.Retired); err != nil {
		return nil, err
	}
	return &fulfilmentv1.RetireSystemResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// remarks say where a description uses categories that nobody knows.
func (s *Server) remarks(ctx context.Context, tenant string, d system.Description) ([]string, error) {
	set, err := dataset.Parse([]byte(d.Dataset))
	if err != nil {
		return nil, described(err)
	}
	known, err := s.Words.Of(client.WithTenant(ctx, tenant), tenant)
	if err != nil {
		return nil, fmt.Errorf("look up categories: %w", err)
	}
	return known.Remarks(d.System, set), nil
}

// GetSystem returns the version in force, with what is to be said of its
// categories by now: policies and schedules may have changed.
func (s *Server) GetSystem(ctx context.Context, r *fulfilmentv1.GetSystemRequest) (*fulfilmentv1.GetSystemResponse, error) {
	state, _, err := s.Systems.Load(ctx, carry.SystemOf(tenantOf(ctx), r.GetSystem()), es.Leader)
	if err != nil {
		return nil, err
	}
	v, ok := state.Latest()
	if !ok {
		return nil, system.ErrNoSystem
	}
	remarks, err := s.remarks(ctx, tenantOf(ctx), v.Description)
	if err != nil { // what was registered is shown all the same
		remarks = []string{"CATEGORIES_NOT_CHECKED: policies and schedules can't be looked up now"}
	}
	if state.Retired {
		remarks = append([]string{"SYSTEM_RETIRED: it is out of use"}, remarks...)
	}
	return &fulfilmentv1.GetSystemResponse{
		Remarks: remarks,
		System: &fulfilmentv1.System{
			System: v.System, Connector: fulfilmentv1.ConnectorKind(v.Connector), Connection: v.Connection, Region: v.Region,
			BackupDays: v.BackupDays, Dataset: []byte(v.Dataset), Owner: v.Owner, Waivers: waived(v.Description),
		},
		Version: v.Number, RegisteredAt: eventpb.Stamp(v.RegisteredAt),
	}, nil
}

// ListSystems reads the catalogue. A page token is the system that the page
// before ended with.
func (s *Server) ListSystems(ctx context.Context, r *fulfilmentv1.ListSystemsRequest) (*fulfilmentv1.ListSystemsResponse, error) {
	c, _, err := s.Catalogues.Load(ctx, carry.CatalogueOf(tenantOf(ctx)), es.Leader)
	if err != nil {
		return nil, err
	}
	entries := c.Entries
	if after := r.GetPageToken(); after != "" {
		i := slices.IndexFunc(entries, func(e catalogue.Entry) bool { return e.System == after })
		if i < 0 {
			return nil, view.ErrBadPage
		}
		entries = entries[i+1:]
	}
	size := int(r.GetPageSize())
	if size == 0 {
		size = defaultPage
	}
	out := &fulfilmentv1.ListSystemsResponse{}
	for i, e := range entries {
		if i == size {
			out.NextPageToken = entries[i-1].System
			break
		}
		out.Systems = append(out.Systems, &fulfilmentv1.SystemSummary{
			System: e.System, Connector: fulfilmentv1.ConnectorKind(e.Connector), Region: e.Region, Version: e.Version,
			Collections: e.Collections,
		})
	}
	return out, nil
}
