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
		Use: "doctor", Short: "say whether the event log, its keys and the services are well", Args: cobra.NoArgs,
		Long: `Doctor looks at every stream: that it exists, that its configuration is the one that its signed genesis names,
that nothing is missing, how its replicas stand. It reads every commit and verifies its chain and signature: a
single message that is gone, or a single byte that changed, shows in no figures. With --read=false it looks at
figures alone. With --system-seed it asks each server for the figures of its own copy, since one that calls itself
current may have holes.

It compares the keys that the log says were made with the rows of the vault: KEY_LOST is one that is gone.
Where it has the folder of key-encryption keys, it looks whether each key that the vault needs is there, and opens
what they wrap. Where there is a client configuration, it asks each service whether it is ready; where an
installation of "habeas up" is stopped, its log is opened for the length of the command. It repairs nothing, and
says for each finding what to do.

Exit codes: 0 well, 1 needs attention (a replica is behind, messages are parked), 3 could not be told, 4 damaged.`,
		RunE: func(c *cobra.Command, _ []string) error { return a.runDoctor(c.Context(), read) },
	}
	c.Flags().BoolVar(&read, "read", true, "read every commit through and verify it")
	c.Flags().StringVar(&a.set.NATS.SystemSeed, "system-seed", a.set.NATS.SystemSeed, "seed of a system account's user, to ask every replica (HABEAS_NATS_SYSTEM_SEED)")
	c.Flags().StringVar(&a.set.Vault.Keys, "vault-keys", a.set.Vault.Keys, "folder of key-encryption keys (HABEAS_VAULT_KEYS)")
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
	// Keys are the key-encryption keys; nil where this machine has none.
	Keys *keysDiagnosis `json:"keys,omitempty"`
	// Lost are the data keys that the log tells of and the vault does not hold.
	Lost []string `json:"lost_keys,omitempty"`
	// Stopped says that no service runs: the log was opened to look at it.
	Stopped bool `json:"stopped,omitempty"`
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

func (a *app) runDoctor(ctx context.Context, read bool) (err error) {
	client, found := a.adopt()
	key, err := a.logKey()
	if err != nil {
		return err
	}
	var d diagnosis
	cfg, closing, err := a.config()
	if errors.Is(err, es.ErrUnavailable) && client.Log.Data != "" && a.set.NATS.Seed == client.Log.Admin {
		end, offline := a.stopped(ctx, client)
		if offline != nil {
			return offline
		}
		defer func() { err = errors.Join(err, end()) }()
		d.Stopped = true
		cfg, closing, err = a.config()
	}
	if err != nil {
		return err
	}
	defer closing()
	cfg.LogKey = key
	if err := a.lookAtLog(ctx, cfg, read, &d); err != nil {
		return err
	}
	if read {
		a.addLost(ctx, cfg, &d)
	}
	if folder := a.keksFolder(client); folder != "" {
		d.Keys = a.diagnoseKeys(ctx, cfg, folder, read)
		d.worsen(d.Keys.State)
	}
	if found && !d.Stopped {
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

// lookAtLog examines the streams, and what is parked where they are well.
func (a *app) lookAtLog(ctx context.Context, cfg jetstream.Config, read bool, d *diagnosis) error {
	e := jetstream.Examination{Read: read, Progress: a.lasting()}
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
	d.addStreams(streams)
	if d.State == well || d.State == attention {
		return a.countParked(ctx, cfg, d)
	}
	return nil
}

// worsen makes a part's state the diagnosis, if it is worse.
func (d *diagnosis) worsen(state string) {
	worst, _ := rank(d.State)
	if order, _ := rank(state); order > worst {
		d.State = state
	}
}

// addServices asks the services; the worst of all states is the diagnosis.
func (a *app) addServices(ctx context.Context, c local.Client, d *diagnosis) (err error) {
	d.Services, err = a.diagnoseServices(ctx, c)
	for _, s := range d.Services {
		d.worsen(s.State)
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
		d.worsen(attention)
	}
	return err
}

func (d *diagnosis) addStreams(streams []jetstream.Health) {
	d.State = well
	for _, h := range streams {
		s := diagnoseStream(h)
		d.Streams = append(d.Streams, s)
		d.worsen(s.State)
	}
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
		streams = append(streams, cells(s.Name, s.State, dash(s.Reason), s.Messages, replicaList(s.Replicas)))
		if s.Detail != "" {
			details = append(details, s.Name+": "+s.Detail)
		}
	}
	tables := [][]string{streams}
	if k := d.Keys; k != nil {
		tables = append(tables, []string{
			"KEY-ENCRYPTION KEYS\tSTATE\tREASON\tNEEDED\tUNUSABLE\tOPENED",
			cells(k.Folder, k.State, dash(k.Reason), k.Needed, len(k.Unusable), k.Opened),
		})
		if k.Detail != "" {
			details = append(details, k.Folder+": "+k.Detail)
		}
	}
	if n := len(d.Lost); n > 0 {
		tables = append(tables, []string{"LOST KEYS\tSTATE\tREASON\tFIRST", cells(n, damaged, keyLost, d.Lost[0])})
	}
	if len(d.Services) > 0 {
		services := []string{"SERVICE\tSTATE\tREASON\tADDRESS"}
		for _, s := range d.Services {
			services = append(services, cells(s.Name, s.State, dash(s.Reason), s.Address))
		}
		tables = append(tables, services)
	}
	if d.Stopped {
		tables = append(tables, []string{"No service runs here: the log was opened to look at it."})
	}
	if len(details) > 0 {
		tables = append(tables, details)
	}
	if advice := d.advice(); len(advice) > 0 {
		tables = append(tables, append([]string{"REASON\tWHAT TO DO"}, advice...))
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
