package daemon

import (
	"context"
	"errors"

	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/internal/rpc/mtls"
)

// startIdentity takes the daemon's certificates from a Workload API, or from
// files. Both at once are refused: nobody could say which of them counts.
func (k *Kit) startIdentity(ctx context.Context) (err error) {
	t := k.cfg.Common.TLS
	if err := t.check(); err != nil {
		return err
	}
	if t.WorkloadAPI != nil {
		k.TLS, err = mtls.Watch(ctx, mtls.WorkloadConfig{
			Address: t.WorkloadAPI.String(), Service: k.cfg.Service,
			TrustDomain: t.TrustDomain, Namespace: t.Namespace, Now: k.cfg.Now, Report: k.report("certificates"),
		})
		return err
	}
	k.TLS, err = mtls.Load(mtls.Config{
		Cert: string(t.Cert), Key: string(t.Key), CA: string(t.CA),
		TrustDomain: t.TrustDomain, Namespace: t.Namespace, Now: k.cfg.Now, Report: k.report("certificates"),
	})
	return err
}

// check says all that is missing, or too much.
func (t TLS) check() error {
	var problems []error
	for _, file := range []struct {
		variable string
		path     env.File
	}{{"HABEAS_TLS_CERT", t.Cert}, {"HABEAS_TLS_KEY", t.Key}, {"HABEAS_TLS_CA", t.CA}} {
		switch {
		case t.WorkloadAPI == nil && file.path == "":
			problems = append(problems, env.Problem{Variable: file.variable, Text: "must be set without HABEAS_TLS_WORKLOAD_API"})
		case t.WorkloadAPI != nil && file.path != "":
			problems = append(problems, env.Problem{Variable: file.variable, Text: "must not be set with HABEAS_TLS_WORKLOAD_API"})
		}
	}
	return errors.Join(problems...)
}
