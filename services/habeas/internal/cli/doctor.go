package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"habeas.internal/services/habeas/internal/local"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"

	"github.com/spf13/cobra"
)

func (a *app) doctor() *cobra.Command {
	var read bool
	c := &cobra.Command{
		Use: "doctor", Short: "say whether the event log and the services are well", Args: cobra.NoArgs,
		Long: `Doctor looks at every stream: that it exists, that its configuration is the one that its signed genesis names,
that nothing is missing, how its replicas stand. With --system-seed it asks each server for the figures of its
own copy, since one that calls itself current may have holes. With --read it reads every commit and verifies
its chain and signature: a single message that is gone shows in no figures. Where there is a client configuration,
it asks each service whether it is ready. It changes nothing.

Exit codes: 0 well, 1 needs attention (a replica is behind, messages are parked), 3 could not be told, 4 damaged.`,
		RunE: func(c *cobra.Command, _ []string) error { return a.runDoctor(c.Context(), read) },
	}
	c.Flags().BoolVar(&read, "read", false, "read every commit through and verify it")
	c.Flags().StringVar(&a.set.NATS.SystemSeed, "system-seed", a.set.NATS.SystemSeed, "seed of a system account's user, to ask every replica (HABEAS_NATS_SYSTEM_SEED)")
	return c
}

// States of a stream, of the installation, and the exit codes that go with
// them.
const (
	well      = "ok"
	attention = "attention"
	unknown   = "unknown"
	damaged   = "damaged"
)

func rank(state string) (order, code int) {
	switch state {
	case well:
		return 0, ExitOK
	case attention:
		return 1, ExitFailed
	case unknown:
		return 2, ExitUnavailable
	}
	return 3, ExitRefused
}

type diagnosis struct {
	State   string            `json:"state"`
	Parked  int               `json:"parked"`
	Streams []streamDiagnosis `json:"streams"`
	// Services are those of the client configuration; none without one.
	Services []serviceDiagnosis `json:"services,omitempty"`
}

type streamDiagnosis struct {
	Name     string             `json:"name"`
	State    string             `json:"state"`
	Reason   string             `json:"reason,omitempty"`
	Detail   string             `json:"detail,omitempty"`
	Epoch    string             `json:"epoch,omitempty"`
	Messages uint64             `json:"messages"`
	Last     uint64             `json:"last_sequence"`
	Replicas []replicaDiagnosis `json:"replicas,omitempty"`
}

type replicaDiagnosis struct {
	Server  string             `json:"server"`
	Leader  bool               `json:"leader,omitempty"`
	Behind  bool               `json:"behind,omitempty"`
	Lag     uint64             `json:"lag"`
	Active  string             `json:"heard_of,omitempty"`
	Figures *jetstream.Figures `json:"own_figures,omitempty"`
}

func (a *app) runDoctor(ctx context.Context, read bool) error {
	client, found := a.adopt()
	key, err := a.logKey()
	if err != nil {
		return err
	}
	cfg, closing, err := a.config()
	if err != nil {
		return err
	}
	defer closing()
	cfg.LogKey = key
	e := jetstream.Examination{Read: read, Progress: a.progress()}
	if seed := a.set.NATS.SystemSeed; seed != "" {
		access, err := a.access(seed)
		if err != nil {
			return err
		}
		if e.System, err = jetstream.Connect(access); err != nil {
			return fmt.Errorf("%w: %w", es.ErrUnavailable, err)
		}
		defer e.System.Close()
	}
	streams, err := jetstream.Examine(ctx, cfg, e)
	if err != nil {
		return err
	}
	d := diagnose(streams)
	if d.State == well || d.State == attention {
		if err := a.countParked(ctx, cfg, &d); err != nil {
			return err
		}
	}
	if found {
		if err := a.addServices(ctx, client, &d); err != nil {
			return err
		}
	}
	if err := a.printDiagnosis(d); err != nil {
		return err
	}
	if _, code := rank(d.State); code != ExitOK {
		return codedError{errAlreadySaid, code}
	}
	return nil
}

// addServices asks the services; the worst of all states is the diagnosis.
func (a *app) addServices(ctx context.Context, c local.Client, d *diagnosis) (err error) {
	d.Services, err = a.diagnoseServices(ctx, c)
	for _, s := range d.Services {
		worst, _ := rank(d.State)
		if order, _ := rank(s.State); order > worst {
			d.State = s.State
		}
	}
	return err
}

func (a *app) countParked(ctx context.Context, cfg jetstream.Config, d *diagnosis) error {
	log, err := jetstream.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer log.Close()
	parked, err := log.Parked(ctx)
	if d.Parked = len(parked); d.Parked > 0 {
		d.State = attention
	}
	return err
}

func diagnose(streams []jetstream.Health) diagnosis {
	d := diagnosis{State: well}
	for _, h := range streams {
		s := diagnoseStream(h)
		d.Streams = append(d.Streams, s)
		worst, _ := rank(d.State)
		if order, _ := rank(s.State); order > worst {
			d.State = s.State
		}
	}
	return d
}

func diagnoseStream(h jetstream.Health) streamDiagnosis {
	s := streamDiagnosis{Name: h.Stream, State: well, Epoch: h.Epoch, Messages: h.Messages, Last: h.Last}
	for _, r := range h.Replicas {
		out := replicaDiagnosis{Server: r.Server, Leader: r.Leader, Behind: r.Behind, Lag: r.Lag, Figures: r.Figures}
		if !r.Leader {
			out.Active = r.Active.Round(time.Millisecond).String()
		}
		if r.Behind {
			s.State, s.Reason = attention, "REPLICA_BEHIND"
		}
		s.Replicas = append(s.Replicas, out)
	}
	if h.Err != nil {
		s.State, s.Reason = judge(h.Err)
		s.Detail = h.Err.Error()
	}
	return s
}

// judge names what is wrong with a stream.
func judge(err error) (state, reason string) {
	if reason, halt := es.HaltReason(err); halt {
		return damaged, reason
	}
	if errors.Is(err, jetstream.ErrImportUnfinished) {
		return damaged, "IMPORT_UNFINISHED"
	}
	return unknown, "UNAVAILABLE"
}

func (a *app) printDiagnosis(d diagnosis) error {
	streams := []string{"STREAM\tSTATE\tREASON\tMESSAGES\tREPLICAS"}
	var details []string
	for _, s := range d.Streams {
		streams = append(streams, cells(s.Name, s.State, s.Reason, s.Messages, replicaList(s.Replicas)))
		if s.Detail != "" {
			details = append(details, s.Name+": "+s.Detail)
		}
	}
	tables := [][]string{streams}
	if len(details) > 0 {
		tables = append(tables, details)
	}
	if len(d.Services) > 0 {
		services := []string{"SERVICE\tSTATE\tREASON\tADDRESS"}
		for _, s := range d.Services {
			services = append(services, cells(s.Name, s.State, dash(s.Reason), s.Address))
		}
		tables = append(tables, services)
	}
	return a.print(d, append(tables, []string{"STATE\tPARKED", cells(d.State, d.Parked)})...)
}

// replicaList is one line: the leader is marked with *, one that is behind
// with !, and each has its own count where it was asked.
func replicaList(replicas []replicaDiagnosis) string {
	var out []string
	for _, r := range replicas {
		text := r.Server
		if r.Leader {
			text += "*"
		}
		if r.Behind {
			text += "!"
		}
		if r.Figures != nil {
			text += fmt.Sprintf("=%d", r.Figures.Messages)
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}
