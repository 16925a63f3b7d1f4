package cli

import (
	"context"
	"maps"
	"path/filepath"
	"slices"

	"habeas.internal/services/habeas/internal/local"

	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// adopt takes what operators' flags do not say from the client configuration of
// an installation that "habeas up" runs, if there is one.
func (a *app) adopt() (client local.Client, found bool) {
	c, err := a.client()
	if err != nil {
		return c, false
	}
	if s := a.set; s.NATS.Seed == "" && c.Log.Admin != "" {
		s.NATS.URL, s.NATS.Seed, s.NATS.CA = c.Log.URL, c.Log.Admin, c.Log.CA
		s.EventLog.Shards, s.EventLog.Replicas = c.Log.Shards, 1
		if s.EventLog.Key == "" && s.Keys == "" {
			s.EventLog.Key = c.Log.Key
		}
		if s.Keys == "" {
			s.Keys = filepath.Join(c.Log.Data, "keys")
		}
	}
	return c, true
}

type serviceDiagnosis struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	State   string `json:"state"`
	Reason  string `json:"reason,omitempty"`
}

// diagnoseServices asks each service of a client configuration whether it is
// ready.
func (a *app) diagnoseServices(ctx context.Context, c local.Client) ([]serviceDiagnosis, error) {
	conns, err := a.connections(ctx, c)
	if err != nil {
		return nil, err
	}
	defer conns.Close()
	var out []serviceDiagnosis
	for _, name := range slices.Sorted(maps.Keys(c.Endpoints)) {
		d := serviceDiagnosis{Name: name, Address: c.Endpoints[name], State: well}
		conn, err := conns.To(name)
		if err != nil {
			return nil, usageError{err}
		}
		resp, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{})
		switch {
		case status.Code(err) == codes.Unavailable, status.Code(err) == codes.DeadlineExceeded:
			d.State, d.Reason = unknown, "UNREACHABLE"
		case err != nil:
			d.State, d.Reason = attention, status.Code(err).String()
		case resp.GetStatus() != healthv1.HealthCheckResponse_SERVING:
			d.State, d.Reason = attention, resp.GetStatus().String()
		}
		out = append(out, d)
	}
	return out, nil
}
