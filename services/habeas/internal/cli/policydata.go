package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/internal/policydiff"
	"habeas.internal/services/internal/policydoc"
	"habeas.internal/services/internal/wholefile"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
)

// errPolicies says that a document has problems, which were shown.
var errPolicies = errors.New("the policy can't be published as it is")

func (a *app) policyLint() *cobra.Command {
	return &cobra.Command{
		Use: "lint FILE...", Short: "say what is wrong with policies, before they are published", Args: cobra.MinimumNArgs(1),
		Long: "Lint reads policies and says everything that is wrong with them, each with line, column and field:\n" +
			"what can't be read, what contradicts itself, and what lies below the floor of a law that the policy declares.\n" +
			"It needs no service. What it finds, publish refuses.",
		RunE: func(_ *cobra.Command, args []string) error {
			wrong := false
			for _, name := range args {
				text, err := wholefile.Read(name, wholefile.Usual)
				if err != nil {
					return usageError{fmt.Errorf("read policy: %w", err)}
				}
				var problems policydoc.Problems
				doc, err := policydoc.Parse(text)
				if errors.As(err, &problems) {
					wrong = true
					for _, p := range problems {
						_, _ = fmt.Fprintf(a.Out, "%s:%d:%d: %s: %s: %s\n", name, p.Line, p.Column, p.Path, p.Code, p.Text)
					}
					continue
				}
				_, _ = fmt.Fprintf(a.Out, "%s: %s version %d: %d clauses, %d kinds of data, %d purposes: nothing is wrong\n",
					name, doc.Policy, doc.Version, len(doc.Clauses), len(doc.Categories), len(doc.Purposes))
			}
			if wrong {
				return errPolicies
			}
			return nil
		},
	}
}

func (a *app) policyDiff() *cobra.Command {
	var subject string
	c := &cobra.Command{
		Use: "diff [OLD] NEW", Short: "say what changes for people, and whether it reduces their rights", Args: cobra.RangeArgs(1, 2),
		Long: "Diff compares two versions of a policy. Each is a file, or POLICY@VERSION of a published one.\n" +
			"With --subject, OLD is left out: NEW is held against each version that binds that person.",
		Example: "  habeas policy diff caseworks-1.yaml caseworks-2.yaml\n" +
			"  habeas policy diff caseworks@1 caseworks-2.yaml\n" +
			"  habeas policy diff --subject aaaaaaaaaaaaaaaaaaaaaaaaaa caseworks-2.yaml",
		RunE: func(c *cobra.Command, args []string) error {
			if (subject != "") != (len(args) == 1) {
				return usageError{errors.New("give two versions, or --subject and one")}
			}
			if subject != "" {
				return a.diffFor(c, subject, args[0])
			}
			from, err := a.versionAt(c, args[0])
			if err != nil {
				return err
			}
			to, err := a.versionAt(c, args[1])
			if err != nil {
				return err
			}
			return a.showDiff(compared(from, to))
		},
	}
	c.Flags().StringVar(&subject, "subject", "", "person: compare with the versions that bind them")
	return c
}

// diffFor asks the service, which knows what binds the person.
func (a *app) diffFor(c *cobra.Command, subject, name string) error {
	r := &consentv1.DiffPolicyRequest{SubjectRef: subject}
	if policy, version, ok := published(name); ok {
		r.Policy, r.ToVersion = policy, version
	} else {
		text, doc, err := document(name)
		if err != nil {
			return err
		}
		r.Policy, r.Document = doc.Policy, text
	}
	return a.consents(func(conn *grpc.ClientConn) error {
		resp, err := consentv1.NewPolicyServiceClient(conn).DiffPolicy(c.Context(), r)
		if err != nil {
			return err
		}
		return a.showDiff(resp)
	})
}

// published reads POLICY@VERSION.
func published(name string) (policy string, version uint32, ok bool) {
	policy, number, found := strings.Cut(name, "@")
	n, err := strconv.ParseUint(number, 10, 32)
	return policy, uint32(n), found && err == nil && n > 0
}

func document(name string) ([]byte, policydoc.Document, error) {
	text, err := wholefile.Read(name, wholefile.Usual)
	if err != nil {
		return nil, policydoc.Document{}, usageError{fmt.Errorf("read policy: %w", err)}
	}
	doc, err := policydoc.Parse(text)
	if err != nil {
		return nil, doc, usageError{fmt.Errorf("%s: %w", name, err)}
	}
	return text, doc, nil
}

// versionAt is a file's document, or that of a published version.
func (a *app) versionAt(c *cobra.Command, name string) (doc policydoc.Document, err error) {
	policy, version, ok := published(name)
	if !ok {
		_, doc, err = document(name)
		return doc, err
	}
	return doc, a.consents(func(conn *grpc.ClientConn) error {
		got, err := consentv1.NewPolicyServiceClient(conn).GetPolicy(c.Context(), &consentv1.GetPolicyRequest{Policy: policy, Version: version})
		if err != nil {
			return err
		}
		doc, err = policydoc.Read(got.GetDocument())
		return err
	})
}

// compared is a comparison in the shape in which the service gives it.
func compared(from, to policydoc.Document) *consentv1.DiffPolicyResponse {
	changes := policydiff.Compare(from, to)
	diff := &consentv1.PolicyDiff{FromVersion: uint32(from.Version), ToVersion: uint32(to.Version), Reduces: changes.Reduces()} //nolint:gosec // linted
	for _, c := range changes {
		diff.Changes = append(diff.Changes, &consentv1.PolicyChange{
			Path: c.Path, Clause: c.Clause, Says: c.Says,
			Effect: consentv1.PolicyEffect(consentv1.PolicyEffect_value["POLICY_EFFECT_"+strings.ToUpper(string(c.Effect))]),
		})
	}
	return &consentv1.DiffPolicyResponse{Diffs: []*consentv1.PolicyDiff{diff}, Reduces: diff.GetReduces()}
}

func (a *app) showDiff(resp *consentv1.DiffPolicyResponse) error {
	var blocks [][]string
	for _, d := range resp.GetDiffs() {
		rows := []string{"CHANGE\tCLAUSE\tFROM VERSION " + numbers([]uint32{d.GetFromVersion()}) + " TO " + numbers([]uint32{d.GetToVersion()})}
		for _, c := range d.GetChanges() {
			rows = append(rows, cells(effects()[c.GetEffect()], c.GetClause(), c.GetSays()))
		}
		verdict := "It reduces nobody's rights."
		if d.GetReduces() {
			verdict = "It reduces rights: it binds nobody of before who has not accepted it explicitly."
		}
		blocks = append(blocks, rows, []string{verdict})
	}
	return a.show(resp, blocks...)
}

// effects are the words for what a change does.
func effects() map[consentv1.PolicyEffect]string {
	return map[consentv1.PolicyEffect]string{
		consentv1.PolicyEffect_POLICY_EFFECT_MORE_PROTECTIVE: "protects more",
		consentv1.PolicyEffect_POLICY_EFFECT_LESS_PROTECTIVE: "protects less",
		consentv1.PolicyEffect_POLICY_EFFECT_INCOMPARABLE:    "can't be compared",
		consentv1.PolicyEffect_POLICY_EFFECT_NEUTRAL:         "no loss",
	}
}

// numbers is a list of versions for a cell.
func numbers(list []uint32) string {
	out := make([]string, len(list))
	for i, n := range list {
		out[i] = strconv.FormatUint(uint64(n), 10)
	}
	return strings.Join(out, ", ")
}
