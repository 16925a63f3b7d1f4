// Package cli is the command line of an installation's operator. Its commands
// speak to the event log as its administrator and keep the log's keys.
//
// What a command was asked for goes to standard output, as a table or as JSON;
// progress, warnings and errors go to standard error. The exit code says how
// it ended; see [Run].
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"habeas.internal/services/habeas/internal/local"
	"habeas.internal/services/habeas/internal/login"
	"habeas.internal/services/habeas/internal/remote"
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
	// ExitUnavailable: the log or a service could not be reached, did not answer in
	// time, or was asked too often. The same command may be run again.
	ExitUnavailable = 3
	// ExitRefused: a rule forbids it, or the answer is no; or what was found is
	// damaged, belongs to something else or is not what was signed. Running the
	// command again changes nothing.
	ExitRefused = 4
	// ExitDenied: the token is not good, or does not allow it.
	ExitDenied = 5
	// ExitNotFound: there is nothing of that name or id.
	ExitNotFound = 6
	// ExitPartly: done, but for rows that were refused.
	ExitPartly = 7
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
		sayError(s.Err, root, err)
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

// sayError writes an error for people, or where JSON was asked for and a service
// answered, as JSON.
func sayError(w io.Writer, root *cobra.Command, err error) {
	answer := remote.As(err)
	var form string
	if root != nil {
		form, _ = root.PersistentFlags().GetString("output")
	}
	if answer == nil || form != outputJSON {
		_, _ = fmt.Fprintln(w, "habeas:", err)
		return
	}
	text, err := json.MarshalIndent(map[string]any{"error": map[string]any{
		"code": answer.Code.String(), "reason": answer.Reason, "message": answer.Message, "fields": answer.Fields,
		"advice": answer.Advice(), "again": answer.Again, "counts": answer.Counts, "roles": answer.Roles,
	}}, "", "  ")
	if err == nil {
		_, _ = fmt.Fprintf(w, "%s\n", text)
	}
}

func exitCode(err error) int {
	var coded codedError
	var usage usageError
	var problem env.Problem
	switch answer := remote.As(err); {
	case errors.As(err, &coded):
		return coded.code
	case answer != nil:
		return remoteExit(answer)
	case errors.Is(err, login.ErrConfig), errors.As(err, &usage), errors.As(err, &problem):
		return ExitUsage
	case errors.Is(err, login.ErrEnded), errors.Is(err, login.ErrRefused):
		return ExitDenied
	case errors.Is(err, login.ErrAnswer), errors.Is(err, login.ErrExposed), isRefusal(err):
		return ExitRefused
	case errors.Is(err, es.ErrUnavailable), errors.Is(err, es.ErrUnknownOutcome), errors.Is(err, login.ErrUnreachable), errors.Is(err, context.DeadlineExceeded):
		return ExitUnavailable
	}
	return ExitFailed
}

func isRefusal(err error) bool {
	var file *archive.FileError
	var target *jetstream.TargetError
	var keys *local.KeysError
	_, halt := es.HaltReason(err)
	return halt || errors.As(err, &file) || errors.As(err, &target) || errors.As(err, &keys) || errors.Is(err, jetstream.ErrImportUnfinished) ||
		errors.Is(err, keyfile.ErrExposed) || errors.Is(err, keyfile.ErrMalformed)
}

const about = `Habeas runs an installation, speaks to its services, and looks after its event log.

Every flag that names a variable can be set by it. Commands of people speak to the services by a client
configuration, which "habeas up" writes; those of operators speak to the log as its administrator.

Exit codes: 0 done, well or allowed; 1 failed or needing attention; 2 usage, configuration or a value that is not
valid; 3 not reachable or too often, run it again; 4 refused: by a rule, or damaged, foreign or unsigned; 5 not allowed by the
token; 6 not found; 7 done, but for rows that were refused.`

func newRoot(s Streams) (*cobra.Command, error) {
	set, err := settingsFrom(s.Environ)
	if err != nil {
		return nil, usageError{err}
	}
	root := &cobra.Command{
		Use: "habeas", Short: "run an installation, speak to it, look after it", Long: about,
		SilenceErrors: true, SilenceUsage: true, Args: cobra.NoArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error { return set.check() },
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; `%s --help` lists the flags", err, c.CommandPath())}
	})
	set.common(root.PersistentFlags())
	a := &app{Streams: s, set: set}
	root.AddCommand(a.up(), a.tenant(), a.settings(), a.policy(), a.subject(), a.age(), a.mandate(), a.consent(), a.request(), a.breakGlass(), a.controllerCommands(), a.system(),
		a.hold(), a.storage(), a.review(), a.staff(),
		a.audit(), a.trace(), a.login(), a.logout(), a.whoami(), a.token(), a.provision(), a.export(), a.importing(), a.doctor(), a.parked(), a.version())
	root.AddCommand(a.agent(), a.recipient(), a.disclosure(), a.conversation())
	if err := shape(root); err != nil {
		return nil, err
	}
	return strict(root), nil
}

// strict makes a mistake in the arguments one of usage, in all commands below.
func strict(c *cobra.Command) *cobra.Command {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return misused(c, err)
			}
			return lacking(c)
		}
	}
	for _, sub := range c.Commands() {
		strict(sub)
	}
	return c
}

// misused says what a command is like that was given what it does not take.
func misused(c *cobra.Command, err error) error {
	if c.HasSubCommands() {
		return usageError{fmt.Errorf("%w; `%s --help` lists what there is", err, c.CommandPath())}
	}
	return usageError{fmt.Errorf("%w; it is `%s`, and `%s --help` says more", err, strings.TrimSuffix(c.UseLine(), " [flags]"), c.CommandPath())}
}

// app is what all commands share.
type app struct {
	Streams
	set *settings
}

// missing reports whether a file is not there.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
