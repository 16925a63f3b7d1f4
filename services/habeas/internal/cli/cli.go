// Package cli is the command line of an installation's operator. Its commands
// speak to the event log as its administrator and keep the log's keys.
//
// What a command was asked for goes to standard output, as a table or as JSON;
// progress, warnings and errors go to standard error. The exit code says how
// it ended; see [Run].
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/archive"
	"habeas.internal/services/internal/es/jetstream"
	"habeas.internal/services/internal/es/keyfile"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	// ExitOK: done, or all is well.
	ExitOK = 0
	// ExitFailed: not done, for a reason that has no code of its own; or, from
	// doctor, something needs attention.
	ExitFailed = 1
	// ExitUsage: the command was not understood or its configuration is wrong.
	ExitUsage = 2
	// ExitUnavailable: the log could not be reached, or did not answer in time.
	// The same command may be run again.
	ExitUnavailable = 3
	// ExitRefused: what was found is damaged, belongs to something else or is
	// not what was signed. Running the command again changes nothing.
	ExitRefused = 4
)

// Streams are what the command reads and writes, and its environment.
type Streams struct {
	In      io.Reader
	Out     io.Writer
	Err     io.Writer
	Environ []string // in the form of os.Environ
}

// Run runs one command and returns its exit code, one of the constants above.
// A command that ctx ends leaves what it did so far; provision and import can
// be run again.
func Run(ctx context.Context, args []string, s Streams) int {
	root, err := newRoot(s)
	if err == nil {
		root.SetArgs(args)
		err = root.ExecuteContext(ctx)
	}
	if err == nil {
		return ExitOK
	}
	if !errors.Is(err, errAlreadySaid) {
		_, _ = fmt.Fprintln(s.Err, "habeas:", err)
	}
	return exitCode(err)
}

// errAlreadySaid ends a command whose output says what is wrong.
var errAlreadySaid = errors.New("see above")

// usageError is a mistake in the command line or the configuration.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// codedError gives an error its exit code.
type codedError struct {
	error
	code int
}

func (e codedError) Unwrap() error { return e.error }

func exitCode(err error) int {
	var coded codedError
	var usage usageError
	var problem env.Problem
	switch {
	case errors.As(err, &coded):
		return coded.code
	case errors.As(err, &usage), errors.As(err, &problem):
		return ExitUsage
	case isRefusal(err):
		return ExitRefused
	case errors.Is(err, es.ErrUnavailable), errors.Is(err, es.ErrUnknownOutcome), errors.Is(err, context.DeadlineExceeded):
		return ExitUnavailable
	}
	return ExitFailed
}

func isRefusal(err error) bool {
	var file *archive.FileError
	var target *jetstream.TargetError
	_, halt := es.HaltReason(err)
	return halt || errors.As(err, &file) || errors.As(err, &target) || errors.Is(err, jetstream.ErrImportUnfinished) ||
		errors.Is(err, keyfile.ErrExposed) || errors.Is(err, keyfile.ErrMalformed)
}

const about = `habeas looks after an installation's event log.

Every flag that names a variable can be set by it. Exit codes: 0 done or well, 1 failed or needing attention,
2 usage or configuration, 3 log not reachable (run it again), 4 refused: damaged, foreign or unsigned.`

func newRoot(s Streams) (*cobra.Command, error) {
	set, err := settingsFrom(s.Environ)
	if err != nil {
		return nil, usageError{err}
	}
	root := &cobra.Command{
		Use: "habeas", Short: "look after an installation", Long: about,
		SilenceErrors: true, SilenceUsage: true, Args: cobra.NoArgs,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRunE: func(*cobra.Command, []string) error { return set.check() },
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	set.common(root.PersistentFlags())
	a := &app{Streams: s, set: set}
	root.AddCommand(a.up(), a.provision(), a.export(), a.importing(), a.doctor(), a.parked(), a.version())
	return strict(root), nil
}

// strict makes a mistake in the arguments one of usage, in all commands below.
func strict(c *cobra.Command) *cobra.Command {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return usageError{err}
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		strict(sub)
	}
	return c
}

// app is what all commands share.
type app struct {
	Streams
	set *settings
}

// missing reports whether a file is not there.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
