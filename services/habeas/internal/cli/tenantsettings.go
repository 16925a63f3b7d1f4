package cli

import (
	"errors"
	"fmt"
	"strings"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/habeas/internal/remote"
	"habeas.internal/services/internal/wholefile"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
)

func (a *app) settings() *cobra.Command {
	return group("settings", "what a tenant may change about itself", a.settingsShow(), a.settingsSet(), a.settingsProvider())
}

func (a *app) settingsShow() *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "show the settings of the tenant of the token", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.identity(func(conn *grpc.ClientConn) error {
				got, err := identityv1.NewSettingsServiceClient(conn).GetSettings(c.Context(), &identityv1.GetSettingsRequest{})
				if err != nil {
					return err
				}
				s := got.GetSettings()
				rows := []string{
					"SETTING\tVALUE", cells("revision", got.GetRevision()), cells("name", s.GetDisplayName()), cells("zone", s.GetTimeZone()),
					cells("calendar", dash(s.GetCalendar())), cells("approval", s.GetApproval()),
					cells("access level", usual(s.GetAssurance().GetAccess())), cells("erasure level", usual(s.GetAssurance().GetErasure())),
					cells("provider", dash(s.GetProvider().GetIssuer())), cells("contact", dash(s.GetContact())),
				}
				for _, k := range s.GetKinds() {
					rows = append(rows, cells("kind", kindText(k)))
				}
				return a.show(got, rows)
			})
		},
	}
}

func usual(level uint32) string {
	if level == 0 {
		return "usual"
	}
	return fmt.Sprint(level)
}

// changes are the settings that flags name.
type changes struct {
	name, zone, calendar, contact, from string
	approval                            bool
	access, erasure                     uint32
	kinds                               []string
}

func (x *changes) flags(f *pflag.FlagSet) {
	f.StringVar(&x.name, "name", "", "name for people")
	f.StringVar(&x.zone, "zone", "", "IANA time zone in which its deadlines end")
	f.StringVar(&x.calendar, "calendar", "", calendarHelp())
	f.StringVar(&x.contact, "contact", "", "where people reach it about their data: an address, a number, a page; every notice says it; \"\" where an answer does")
	f.BoolVar(&x.approval, "approval", false, "a second person approves an erasure before anything is destroyed")
	f.Uint32Var(&x.access, "access-level", 0, "level of assurance for a copy of the data: 3 or 4; 0 is the usual one")
	f.Uint32Var(&x.erasure, "erasure-level", 0, "level of assurance for an erasure: 3 or 4; 0 is the usual one")
	f.StringArrayVar(&x.kinds, "kind", nil, "declare a kind of identifier: NAME, NAME:fold, NAME:analytics or NAME:fold:analytics; it can't be taken back")
	f.StringVar(&x.from, "from", "", "`file` with all settings as JSON, in the form that settings show -o json has under settings; replaces them")
}

// whole are the settings of the file, if one was named.
func (x *changes) whole() (*identityv1.Settings, error) {
	if x.from == "" {
		return nil, nil //nolint:nilnil // no file, no settings
	}
	s := &identityv1.Settings{}
	text, err := wholefile.Read(x.from, wholefile.Usual)
	if err == nil {
		err = protojson.Unmarshal(text, s)
	}
	if err != nil {
		return nil, usageError{fmt.Errorf("--from: %w", err)}
	}
	return s, nil
}

// apply changes what was named, and leaves the rest as it is.
func (x *changes) apply(f *pflag.FlagSet, s *identityv1.Settings) error {
	for name, set := range map[string]func(){
		"name": func() { s.DisplayName = x.name }, "zone": func() { s.TimeZone = x.zone }, "calendar": func() { s.Calendar = x.calendar },
		"approval": func() { s.Approval = x.approval }, "contact": func() { s.Contact = x.contact },
		"access-level": func() {
			s.Assurance = &identityv1.Assurance{Access: x.access, Erasure: s.GetAssurance().GetErasure()}
		},
		"erasure-level": func() {
			s.Assurance = &identityv1.Assurance{Access: s.GetAssurance().GetAccess(), Erasure: x.erasure}
		},
	} {
		if f.Changed(name) {
			set()
		}
	}
	for _, text := range x.kinds {
		k, err := kindOf(text)
		if err != nil {
			return err
		}
		s.Kinds = append(s.Kinds, k)
	}
	return nil
}

func kindOf(text string) (*identityv1.DeclaredKind, error) {
	name, rest, _ := strings.Cut(text, ":")
	k := &identityv1.DeclaredKind{Name: name}
	for option := range strings.SplitSeq(rest, ":") {
		switch option {
		case "":
		case "fold":
			k.Fold = true
		case "analytics":
			k.Analytics = true
		default:
			return nil, usageError{fmt.Errorf("--kind: %s is neither fold nor analytics", option)}
		}
	}
	return k, nil
}

func kindText(k *identityv1.DeclaredKind) string {
	text := k.GetName()
	if k.GetFold() {
		text += ":fold"
	}
	if k.GetAnalytics() {
		text += ":analytics"
	}
	return text
}

func (a *app) settingsSet() *cobra.Command {
	var r repeat
	var x changes
	var revision uint32
	c := &cobra.Command{
		Use: "set", Short: "change the settings that flags name", Args: cobra.NoArgs,
		Long: "Set reads the settings, changes what flags name, and writes them back; if somebody else was faster it is refused\n" +
			"(SETTINGS_REVISION) and can be run again. One of the roles dpo and platform_admin is needed.",
		RunE: func(c *cobra.Command, _ []string) error {
			if f := c.Flags(); !f.Changed("from") && len(x.kinds) == 0 && !anyChanged(f, "name", "zone", "calendar", "contact", "approval", "access-level", "erasure-level") {
				return usageError{errors.New("nothing to change: give --from, --name, --zone, --calendar, --contact, --approval, --access-level, --erasure-level or --kind")}
			}
			whole, err := x.whole()
			if err != nil {
				return err
			}
			r.fill()
			return a.identity(func(conn *grpc.ClientConn) error {
				client := identityv1.NewSettingsServiceClient(conn)
				now, err := client.GetSettings(c.Context(), &identityv1.GetSettingsRequest{})
				if err != nil {
					return err
				}
				if c.Flags().Changed("revision") {
					now.Revision = revision
				}
				if whole != nil {
					now.Settings = whole
				}
				if err := x.apply(c.Flags(), now.GetSettings()); err != nil {
					return err
				}
				resp, err := client.UpdateSettings(c.Context(), &identityv1.UpdateSettingsRequest{
					RequestId: r.id, Revision: now.GetRevision(), Settings: now.GetSettings(),
				})
				if err != nil {
					return again(r.failed(err, false), fmt.Sprint(" --revision ", now.GetRevision()))
				}
				return a.show(resp, []string{"REVISION", fmt.Sprint(resp.GetRevision())})
			})
		},
	}
	r.flags(c.Flags(), "")
	x.flags(c.Flags())
	c.Flags().Uint32Var(&revision, "revision", 0, "the revision that you have seen; the present one if not given")
	return c
}

// again adds to how a command is repeated.
func again(err error, flags string) error {
	if e := remote.As(err); e != nil {
		e.Again += flags
	}
	return err
}

func anyChanged(f *pflag.FlagSet, names ...string) bool {
	for _, name := range names {
		if f.Changed(name) {
			return true
		}
	}
	return false
}
