package cli

import (
	"context"
	"fmt"
	"strings"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
)

func (a *app) consentExplain() *cobra.Command {
	var q question
	c := &cobra.Command{
		Use: "explain SUBJECT", Short: "say in words why something is allowed or not", Args: cobra.ExactArgs(1),
		Long: `Explain asks what check asks, and says in words what the answer was made of: the clause, the version and why it is
that one, what the person decided and when, what is known of them, and what would make a no a yes. It leaves with 0
whatever the answer is.`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := q.fill(); err != nil {
				return err
			}
			q.q.SubjectRef = args[0]
			return a.runExplain(c.Context(), &q)
		},
	}
	q.flags(c.Flags())
	return c
}

func (a *app) runExplain(ctx context.Context, q *question) error {
	return a.consents(func(conn *grpc.ClientConn) error {
		e, err := consentv1.NewAnswerServiceClient(conn).Explain(ctx,
			&consentv1.ExplainRequest{Question: &q.q, ConsistencyToken: q.waited})
		if err != nil {
			return err
		}
		return a.show(e, explained(e))
	})
}

// explained is an explanation, a line for each link of the chain.
func explained(e *consentv1.ExplainResponse) []string {
	n, word := e.GetAnswer(), "NO"
	if n.GetAllowed() {
		word = "YES"
	}
	rows := []string{cells(word, fmt.Sprintf("%s (%s)", reasonWords()[e.GetReason()], n.GetReason()))}
	add := func(what, text string) {
		if text != "" {
			rows = append(rows, cells(what, text))
		}
	}
	add("basis", n.GetBasis())
	if n.GetClause() != "" {
		add("clause", strings.TrimSuffix(n.GetClause()+": "+e.GetClauseSays(), ": "))
	}
	if v := e.GetVersion(); v != nil {
		add("version", fmt.Sprintf("%d, posted %s, in force since %s, text sha256:%s", v.GetNumber(), day(v.GetPostedAt()), day(v.GetInForceFrom()), v.GetTextHash()))
		add("why that version", versionWords()[e.GetVersionGround()])
	}
	add("rule", ruleWords()[e.GetConflictRule()])
	for _, act := range e.GetActs() {
		add("decided", actWords(act))
	}
	for _, f := range e.GetFacts() {
		text := short(f.GetFact().String(), "KNOWN_FACT_")
		if f.GetCount() > 1 {
			text += fmt.Sprintf(" (%d)", f.GetCount())
		}
		add("known", text)
	}
	if n.GetValidUntil() != nil {
		add("until", day(n.GetValidUntil())+" at most; then something begins or ends by itself")
	}
	if e.GetRemedy() != consentv1.Remedy_REMEDY_UNSPECIFIED {
		add("to make it a yes", actorWords()[e.GetRemedyActor()]+": "+remedyWords()[e.GetRemedy()])
	}
	return rows
}

// actWords is one act of the person.
func actWords(e *consentv1.ExplainedAct) string {
	d := e.GetAct()
	text := fmt.Sprintf("%s %s %s, %s, recorded %s, under version %d", day(d.GetDecidedAt()), topicOf(d),
		short(d.GetDecision().String(), "DECISION_"), short(d.GetExpression().String(), "EXPRESSION_"), day(d.GetRecordedAt()), d.GetVersion())
	if e.GetOtherReference() {
		text += ", by another reference"
	}
	if d.GetEffective() {
		text += "; it counts"
	}
	return text
}
