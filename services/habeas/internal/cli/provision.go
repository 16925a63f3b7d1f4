package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/keyfile"

	"github.com/spf13/cobra"
)

func (a *app) provision() *cobra.Command {
	return &cobra.Command{
		Use: "provision", Short: "make the streams and keys of an installation", Args: cobra.NoArgs,
		Long: `Provision makes the streams of an installation, each with a signed genesis, and announces the services' keys.
Keys that are missing in the folder of keys are made: log.key, which signs geneses and is best kept offline
afterwards, and one key a service, named after its context. Running it again changes nothing. It never makes
anew what an installation has lost.`,
		RunE: func(c *cobra.Command, _ []string) error { return a.runProvision(c.Context()) },
	}
}

// made says what a command found and what it made.
type made struct {
	LogKey  string       `json:"log_key"`
	Streams []madeStream `json:"streams"`
	Keys    []madeKey    `json:"keys"`
}

type madeStream struct {
	Name  string `json:"name"`
	State string `json:"state"`
}

type madeKey struct {
	Name  string `json:"name"`
	ID    string `json:"id"`
	File  string `json:"file"`
	State string `json:"state"`
}

func state(made bool) string {
	if made {
		return "made"
	}
	return "found"
}

// provisionLimit is far more than the making of all streams takes.
const provisionLimit = 10 * time.Minute

func (a *app) runProvision(ctx context.Context) error {
	if err := a.set.needKeys(); err != nil {
		return err
	}
	cfg, closing, err := a.config()
	if err != nil {
		return err
	}
	defer closing()
	before, err := jetstream.Present(ctx, cfg)
	if err != nil {
		return err
	}
	in, out, err := a.installation(cfg.Topology, len(before) > 0)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, provisionLimit)
	defer cancel()
	log, err := jetstream.Provision(ctx, cfg, in)
	if err != nil {
		return err
	}
	log.Close()
	if err := out.streams(ctx, cfg, before); err != nil {
		return err
	}
	return a.printMade(out)
}

// streams lists what is there now beside what was there before.
func (m *made) streams(ctx context.Context, cfg jetstream.Config, before map[string]bool) error {
	after, err := jetstream.Present(ctx, cfg)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(after)) {
		m.Streams = append(m.Streams, madeStream{Name: name, State: state(!before[name])})
	}
	return nil
}

func (a *app) printMade(m made) error {
	streams, keys := []string{"STREAM\tSTATE"}, []string{"KEY\tID\tFILE\tSTATE"}
	for _, s := range m.Streams {
		streams = append(streams, cells(s.Name, s.State))
	}
	for _, k := range m.Keys {
		keys = append(keys, cells(k.Name, k.ID, k.File, k.State))
	}
	return a.print(m, streams, keys, []string{"HABEAS_EVENTLOG_KEY=" + m.LogKey})
}

// installation reads the keys of an installation, or makes them. Where one
// exists its log key must: another could only be refused, and would lie about.
func (a *app) installation(top jetstream.Topology, exists bool) (in jetstream.Installation, out made, err error) {
	if exists {
		if _, err := keyfile.Read(filepath.Join(a.set.Keys, logName+keyfile.Private)); missing(err) {
			return in, out, codedError{fmt.Errorf("there is an installation, and its log key is not in %s", a.set.Keys), ExitRefused}
		}
	}
	in = jetstream.Installation{Random: rand.Reader, Now: time.Now().UTC()}
	if in.LogSigner, err = a.key(logName, &out); err != nil {
		return in, out, err
	}
	in.Services = jetstream.ServiceKeys(top.Contexts)
	for i, s := range in.Services { // a service owns the context of its name
		if s.Service == logName {
			return in, out, usageError{errors.New("a context can't be called " + logName)}
		}
		service, err := a.key(s.Service, &out)
		if err != nil {
			return in, out, err
		}
		in.Services[i].Public = service.Public()
	}
	out.LogKey = keyfile.FormatPublic(in.LogSigner.Public())
	return in, out, nil
}

func (a *app) key(name string, out *made) (es.Signer, error) {
	signer, fresh, err := keyfile.Open(a.set.Keys, name)
	if err != nil {
		return signer, err
	}
	out.Keys = append(out.Keys, madeKey{
		Name: name, ID: signer.KeyID, State: state(fresh), File: filepath.Join(a.set.Keys, name+keyfile.Private),
	})
	return signer, nil
}
