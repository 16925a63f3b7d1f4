package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"habeas.internal/services/habeas/internal/local"
	"habeas.internal/services/habeas/internal/remote"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// client reads the client configuration that was named, or the one of the
// default data folder.
func (a *app) client() (local.Client, error) {
	path := a.set.Config
	if path == "" {
		path = filepath.Join(defaultData, local.ClientFile)
	}
	c, err := local.ReadClient(path)
	if errors.Is(err, local.ErrNoClient) {
		return c, usageError{fmt.Errorf("%w; `habeas up` writes one, --config or HABEAS_CONFIG names another", err)}
	}
	if err != nil {
		return c, usageError{err}
	}
	return c, nil
}

// reach runs what needs one service.
func (a *app) reach(service string, do func(conn *grpc.ClientConn) error) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	conns, err := a.connections(context.Background(), c)
	if err != nil {
		return err
	}
	defer conns.Close()
	conn, err := conns.To(service)
	if err != nil {
		return usageError{err}
	}
	return remote.Of(do(conn))
}

func (a *app) timeout() time.Duration { return a.set.timeout }

// repeat is what makes a command the same when it is run again.
type repeat struct {
	id string
	at string
}

// flags binds --request-id, and for commands that state a moment, --at.
func (r *repeat) flags(f *pflag.FlagSet, at string) {
	f.StringVar(&r.id, "request-id", "", "id of the command, a UUID; made if empty. Running a command again with the same id repeats it")
	if at != "" {
		f.StringVar(&r.at, "at", "", at+", RFC 3339; now if empty")
	}
}

// fill makes what was not given.
func (r *repeat) fill() {
	if r.id == "" {
		r.id = newUUID()
	}
	if r.at == "" {
		r.at = time.Now().UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano)
	}
}

// moment is the time that the command states.
func (r *repeat) moment() (*timestamppb.Timestamp, error) { return parseMoment("--at", r.at) }

// failed adds to a service's error how to repeat the command.
func (r *repeat) failed(err error, timed bool) error {
	e := remote.As(remote.Of(err))
	if e == nil {
		return err
	}
	e.Again = "--request-id " + r.id
	if timed {
		e.Again += " --at " + r.at
	}
	return e
}

func parseMoment(flag, text string) (*timestamppb.Timestamp, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // unset is a value of its own in the contract
	}
	for _, form := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(form, text); err == nil {
			return timestamppb.New(t), nil
		}
	}
	return nil, usageError{fmt.Errorf("%s is a moment such as 2026-01-31T12:00:00Z", flag)}
}

func neededMoment(flag, text string) (*timestamppb.Timestamp, error) {
	if text == "" {
		return nil, usageError{fmt.Errorf("%s is needed: a moment such as 2026-01-31T12:00:00Z, or a date", flag)}
	}
	return parseMoment(flag, text)
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// show prints an answer: as JSON in the form of the contract, or as tables.
func (a *app) show(m proto.Message, tables ...[]string) error {
	if a.set.output == outputTable {
		return printTables(a.Out, tables)
	}
	text, err := jsonOf(m)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.Out, "%s\n", text)
	return err
}

// showDone shows what a command did. Of one that was to end something it says so
// where nothing was there, and exits as if it had named nothing.
func (a *app) showDone(m proto.Message, tables ...[]string) error {
	what, ends := m.(interface{ GetEnded() bool })
	if !ends || what.GetEnded() {
		return a.show(m, tables...)
	}
	if err := a.show(m, []string{"nothing has ended: there was none"}); err != nil {
		return err
	}
	return codedError{errAlreadySaid, ExitNotFound}
}

// jsonOf is protobuf's JSON with contract names, in one stable form.
func jsonOf(m proto.Message) ([]byte, error) {
	text, err := protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write result: %w", err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		return nil, fmt.Errorf("write result: %w", err)
	}
	return out.Bytes(), nil
}

// enum reads a value of an enum by its short name: erasure for RIGHT_ERASURE.
func enum[E ~int32](flag, text, prefix string, values map[string]int32) (E, error) {
	v, ok := values[prefix+strings.ToUpper(strings.ReplaceAll(text, "-", "_"))]
	if !ok || v == 0 {
		return 0, usageError{fmt.Errorf("%s is one of %s", flag, strings.Join(namesOf(prefix, values), ", "))}
	}
	return E(v), nil
}

// namesOf are the short names of an enum's values, in the order of their numbers,
// without those that services alone may say.
func namesOf(prefix string, values map[string]int32) (names []string) {
	for name, n := range values {
		if n != 0 && !strings.HasPrefix(name, prefix+"SYSTEM_") {
			names = append(names, short(name, prefix))
		}
	}
	sortByValue(names, prefix, values)
	return names
}

// short is an enum value's name as a person types it.
func short(name, prefix string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, prefix)), "_", "-")
}

// day is a moment as tables show it.
func day(t *timestamppb.Timestamp) string {
	if t == nil {
		return "-"
	}
	return t.AsTime().UTC().Format("2006-01-02 15:04")
}

// dash stands for nothing in a table.
func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// group is a command that has others only.
func group(use, about string, subs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: about, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(subs...)
	return c
}

// remoteExit is the exit code of a service's answer.
func remoteExit(answer *remote.Error) int {
	switch answer.Code {
	case codes.ResourceExhausted: // too often now, or a request that is too large
		if answer.Retry > 0 {
			return ExitUnavailable
		}
		return ExitUsage
	case codes.InvalidArgument:
		return ExitUsage
	case codes.FailedPrecondition, codes.AlreadyExists, codes.Aborted, codes.OutOfRange, codes.DataLoss:
		return ExitRefused
	case codes.Unavailable, codes.DeadlineExceeded:
		return ExitUnavailable
	case codes.PermissionDenied, codes.Unauthenticated:
		return ExitDenied
	case codes.NotFound:
		return ExitNotFound
	default:
		return ExitFailed
	}
}

// compact is the JSON of a message on one line.
func compact(m proto.Message) ([]byte, error) {
	text, err := jsonOf(m)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Compact(&out, text); err != nil {
		return nil, fmt.Errorf("write result: %w", err)
	}
	return out.Bytes(), nil
}
