package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/habeas/internal/remote"
	"habeas.internal/services/internal/wholefile"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/durationpb"
)

func (a *app) settings() *cobra.Command {
	return group("settings", "what a tenant may change about itself", a.settingsShow(), a.settingsSet(), a.settingsProvider(),
		a.settingsConfirm(), a.settingsWithdraw())
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
				rows := append([]string{"SETTING\tVALUE", cells("revision", got.GetRevision())}, settingRows(got.GetSettings())...)
				return a.show(got, append(rows, pendingRows(got)...))
			})
		},
	}
}

func settingRows(s *identityv1.Settings) []string {
	rows := []string{
		cells("name", s.GetDisplayName()), cells("zone", s.GetTimeZone()),
		cells("calendar", dash(s.GetCalendar())), cells("approval", s.GetApproval()), cells("officers", dash(s.GetOfficers())),
		cells("delay", s.GetSafeguards().GetDelay().AsDuration()), cells("channel age", s.GetSafeguards().GetChannelAge().AsDuration()),
		cells("access level", usual(s.GetAssurance().GetAccess())), cells("erasure level", usual(s.GetAssurance().GetErasure())),
		cells("provider", providerText(s.GetProvider())), cells("contact", dash(s.GetContact())),
	}
	for _, p := range s.GetAssurance().GetPolicies() {
		rows = append(rows, cells("levels", levelsText(p)))
	}
	for _, k := range s.GetKinds() {
		rows = append(rows, cells("kind", kindText(k)))
	}
	return rows
}

func providerText(p *identityv1.IdentityProvider) string {
	if p == nil {
		return "-"
	}
	text := p.GetIssuer() + " " + p.GetClientId()
	for _, l := range p.GetLevels() {
		text += fmt.Sprintf(" %s:%s=%d", short(l.GetClaim().String(), "ASSURANCE_CLAIM_"), l.GetValue(), l.GetLevel())
	}
	return text
}

func levelsText(p *identityv1.PolicyAssurance) string {
	return fmt.Sprintf("%s: access %s, erasure %s", p.GetPolicy(), usual(p.GetAccess()), usual(p.GetErasure()))
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
	kinds, levels                       []string
	delay, age                          time.Duration
	officers                            string
}

// settable are the flags that name a setting.
func settable() []string {
	return []string{"name", "zone", "calendar", "contact", "approval", "access-level", "erasure-level", "delay", "channel-age", "officers", "levels", "kind", "from"}
}

func (x *changes) flags(f *pflag.FlagSet) {
	f.StringVar(&x.name, "name", "", "name for people")
	f.StringVar(&x.zone, "zone", "", "IANA time zone in which its deadlines end")
	f.StringVar(&x.calendar, "calendar", "", calendarHelp())
	f.StringVar(&x.contact, "contact", "", "where people reach it about their data: an address, a number, a page; every notice says it; \"\" where an answer does")
	f.BoolVar(&x.approval, "approval", false, "a second person approves an erasure before anything is destroyed")
	f.Uint32Var(&x.access, "access-level", 0, "level of assurance for a copy of the data: 3 or 4; 0 is the usual one")
	f.Uint32Var(&x.erasure, "erasure-level", 0, "level of assurance for an erasure: 3 or 4; 0 is the usual one")
	f.DurationVar(&x.delay, "delay", 0, "how long a proven request is held while the person is told on all channels")
	f.DurationVar(&x.age, "channel-age", 0, "how long a channel has to be known before it proves a person enough")
	f.StringVar(&x.officers, "officers", "", "e-mail address of the data protection officers, who are told of what would lower a safeguard")
	f.StringArrayVar(&x.levels, "levels", nil, "POLICY:ACCESS:ERASURE: levels for requests under one policy, each 0, 3 or 4; 0:0 takes them back")
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
		"access-level": func() { levelsOf(s).Access = x.access }, "erasure-level": func() { levelsOf(s).Erasure = x.erasure },
		"delay":       func() { guards(s).Delay = durationpb.New(x.delay) },
		"channel-age": func() { guards(s).ChannelAge = durationpb.New(x.age) },
		"officers":    func() { s.Officers = x.officers },
	} {
		if f.Changed(name) {
			set()
		}
	}
	for _, text := range x.levels {
		if err := setLevels(s, text); err != nil {
			return err
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

func levelsOf(s *identityv1.Settings) *identityv1.Assurance {
	if s.Assurance == nil {
		s.Assurance = &identityv1.Assurance{}
	}
	return s.Assurance
}

func guards(s *identityv1.Settings) *identityv1.Safeguards {
	if s.Safeguards == nil {
		s.Safeguards = &identityv1.Safeguards{}
	}
	return s.Safeguards
}

// setLevels sets those of one policy.
func setLevels(s *identityv1.Settings, text string) error {
	parts := strings.Split(text, ":")
	level := map[string]uint32{"0": 0, "3": 3, "4": 4}
	if len(parts) != 3 {
		return usageError{fmt.Errorf("--levels: %s is not POLICY:ACCESS:ERASURE", text)}
	}
	access, ok := level[parts[1]]
	erasure, also := level[parts[2]]
	if !ok || !also {
		return usageError{fmt.Errorf("--levels: %s: a level is 0, 3 or 4", text)}
	}
	all := slices.DeleteFunc(levelsOf(s).Policies, func(p *identityv1.PolicyAssurance) bool { return p.GetPolicy() == parts[0] })
	if access+erasure > 0 {
		all = append(all, &identityv1.PolicyAssurance{Policy: parts[0], Access: access, Erasure: erasure})
	}
	s.Assurance.Policies = all
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
			"(SETTINGS_REVISION) and can be run again. One of the roles dpo and platform_admin and a step-up are needed.\n" +
			"What lowers a safeguard waits for `habeas settings confirm` by somebody else, or for a day.",
		RunE: func(c *cobra.Command, _ []string) error {
			if !anyChanged(c.Flags(), settable()...) {
				return usageError{errors.New("nothing to change: give one of --" + strings.Join(settable(), ", --"))}
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
				return a.show(resp, updatedRows(resp))
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
