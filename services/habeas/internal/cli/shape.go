package cli

import (
	"fmt"
	"strings"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// needed are the flags without which a command makes no sense, by its words.
func needed() map[string][]string {
	return map[string][]string{
		"age consent": {"method", "evidence"}, "mandate record": {"kind", "evidence"},
		"agent create": {"key", "name"}, "agent rotate-key": {"key"}, "agent suspend": {"reason"}, "agent remove": {"reason"},
		"breakglass ask": {"policy", "ground", "reason"}, "breakglass review": {"outcome", "reason"},
		"consent source authorize": {"evidence"},
		"hold place":               {"authority", "review-at"}, "hold review": {"review-at"},
		"recipient put": {"kind", "name"}, "recipient agree": {"from", "document"}, "recipient end": {"reason"},
		"request approve": {"manifest"}, "request decline-approval": {"manifest", "reason"},
		"request reject": {"ground", "statement"}, "request reopen": {"reason"},
		"controller register": {"name", "contact", "staff"}, "controller end": {"reason"},
		"staff undertake": {"until", "evidence"}, "staff grant": {"until"},
		"subject merge": {"evidence"}, "system register": {"connector", "dataset"},
	}
}

// choice is a flag, or an argument by its place from 1, whose values are an
// enumeration of the contract.
type choice struct {
	command, flag string
	argument      int
	prefix        string
	values        map[string]int32
}

func choices() []choice {
	return []choice{
		{"age record", "source", 0, "AGE_SOURCE_", identityv1.AgeSource_value},
		{"age consent", "method", 0, "CONSENT_METHOD_", identityv1.ConsentMethod_value},
		{"mandate record", "kind", 0, "MANDATE_KIND_", identityv1.MandateKind_value},
		{"breakglass review", "outcome", 0, "BREAK_GLASS_OUTCOME_", identityv1.BreakGlassOutcome_value},
		{"consent check", "action", 0, "ACTION_", consentv1.Action_value},
		{"consent check", "source", 0, "SOURCE_", consentv1.Source_value},
		{"consent record", "decision", 0, "DECISION_", consentv1.Decision_value},
		{"recipient agree", "consideration", 0, "CONSIDERATION_", consentv1.Consideration_value},
		{"consent signal", "", 3, "SIGNAL_", consentv1.Signal_value},
		{"request submit", "", 1, "RIGHT_", fulfilmentv1.Right_value},
		{"request submit", "channel", 0, "REQUEST_CHANNEL_", fulfilmentv1.RequestChannel_value},
		{"request list", "state", 0, "REQUEST_STATE_", fulfilmentv1.RequestState_value},
		{"request cancel", "reason", 0, "CANCEL_REASON_", fulfilmentv1.CancelReason_value},
		{"request verify", "method", 0, "CHECK_METHOD_", identityv1.CheckMethod_value},
		{"request verify", "result", 0, "CHECK_RESULT_", identityv1.CheckResult_value},
		{"request verify", "points", 0, "CHECK_POINT_", identityv1.CheckPoint_value},
		{"request assign", "", 2, "DUTY_", fulfilmentv1.Duty_value},
		{"request unassign", "", 2, "DUTY_", fulfilmentv1.Duty_value},
		{"controller instruct", "", 2, "INSTRUCTION_", fulfilmentv1.Instruction_value},
		{"request decline-approval", "reason", 0, "DECLINE_REASON_", fulfilmentv1.DeclineReason_value},
		{"system register", "connector", 0, "CONNECTOR_KIND_", fulfilmentv1.ConnectorKind_value},
	}
}

// shape says of commands what they need and what shells may complete.
func shape(root *cobra.Command) error {
	for words, flags := range needed() {
		c, _, err := root.Find(strings.Fields(words))
		if err != nil {
			return fmt.Errorf("%s: %w", words, err)
		}
		for _, name := range flags {
			if err := c.MarkFlagRequired(name); err != nil {
				return fmt.Errorf("%s: %w", words, err)
			}
		}
	}
	for _, of := range choices() {
		c, _, err := root.Find(strings.Fields(of.command))
		if err != nil {
			return fmt.Errorf("%s: %w", of.command, err)
		}
		if err := of.offer(c); err != nil {
			return fmt.Errorf("%s: %w", of.command, err)
		}
	}
	return codesOf(root)
}

func (of choice) offer(c *cobra.Command) error {
	names := namesOf(of.prefix, of.values)
	if of.flag != "" {
		return c.RegisterFlagCompletionFunc(of.flag, cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
	}
	c.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args)+1 != of.argument {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
	return nil
}

// codesOf lets shells complete the flags whose values the contract lists.
func codesOf(c *cobra.Command) (err error) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if v, ok := f.Value.(code); ok && err == nil {
			err = c.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(v.of, cobra.ShellCompDirectiveNoFileComp))
		}
	})
	for _, sub := range c.Commands() {
		if err == nil {
			err = codesOf(sub)
		}
	}
	return err
}

// lacking names the flags that a command needs and was not given, all at once.
func lacking(c *cobra.Command) error {
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if len(f.Annotations[cobra.BashCompOneRequiredFlag]) > 0 && !f.Changed {
			names = append(names, "--"+f.Name)
		}
	})
	switch len(names) {
	case 0:
		return nil
	case 1:
		return usageError{fmt.Errorf("%s is needed; `%s --help` says what it is", names[0], c.CommandPath())}
	}
	return usageError{fmt.Errorf("%s are needed; `%s --help` says what they are", strings.Join(names, ", "), c.CommandPath())}
}
