package cli

import (
	"strings"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"

	"google.golang.org/protobuf/types/known/timestamppb"
)

func TestEveryWordOfAnExplanationHasAMeaning(t *testing.T) {
	for n, name := range consentv1.Reason_name {
		if n != 0 && reasonWords()[consentv1.Reason(n)] == "" {
			t.Errorf("%s has none", name)
		}
	}
	for n, name := range consentv1.VersionGround_name {
		if n != 0 && versionWords()[consentv1.VersionGround(n)] == "" {
			t.Errorf("%s has none", name)
		}
	}
	for n, name := range consentv1.ConflictRule_name {
		if n != 0 && ruleWords()[consentv1.ConflictRule(n)] == "" {
			t.Errorf("%s has none", name)
		}
	}
	for n, name := range consentv1.Remedy_name {
		if n != 0 && remedyWords()[consentv1.Remedy(n)] == "" {
			t.Errorf("%s has none", name)
		}
	}
	for n, name := range consentv1.RemedyActor_name {
		if n != 0 && actorWords()[consentv1.RemedyActor(n)] == "" {
			t.Errorf("%s has none", name)
		}
	}
}

func TestAnExplanationIsReadFromTopToBottom(t *testing.T) {
	at := timestamppb.New(time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC))
	got := strings.Join(explained(&consentv1.ExplainResponse{
		Answer: &consentv1.Answer{Reason: "CONSENT_WITHDRAWN", Clause: "QC-05", Version: 1}, Reason: consentv1.Reason_REASON_CONSENT_WITHDRAWN,
		ClauseSays: "mail needs consent", Version: &consentv1.ExplainedVersion{Number: 1, TextHash: "ab", PostedAt: at, InForceFrom: at},
		VersionGround: consentv1.VersionGround_VERSION_GROUND_ONLY,
		Acts: []*consentv1.ExplainedAct{{Act: &consentv1.RecordedDecision{
			Purpose: "mail", Decision: consentv1.Decision_DECISION_WITHDRAWN, Expression: consentv1.Expression_EXPRESSION_EXPLICIT,
			DecidedAt: at, RecordedAt: at, Version: 1, Effective: true,
		}}},
		Facts:  []*consentv1.ExplainedFact{{Fact: consentv1.KnownFact_KNOWN_FACT_RESTRICTED, Count: 2}},
		Remedy: consentv1.Remedy_REMEDY_GRANT_PURPOSE, RemedyActor: consentv1.RemedyActor_REMEDY_ACTOR_PERSON,
	}), "\n")
	want := "NO\tthe person took the yes back (CONSENT_WITHDRAWN)\nclause\tQC-05: mail needs consent\n" +
		"version\t1, posted 2026-01-02 03:04, in force since 2026-01-02 03:04, text sha256:ab\nwhy that version\tno other one is in force\n" +
		"decided\t2026-01-02 03:04 mail withdrawn, explicit, recorded 2026-01-02 03:04, under version 1; it counts\n" +
		"known\trestricted (2)\nto make it a yes\tthe person: give explicit consent to the purpose, with evidence"
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
