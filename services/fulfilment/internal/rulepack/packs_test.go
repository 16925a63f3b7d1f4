package rulepack_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/fulfilment/internal/rulepack"
	"habeas.internal/services/fulfilment/law"
)

// question is about a request that was received at noon on 26 June 2026.
func question(t *testing.T, right law.Right, calendar string, packs ...string) law.Question {
	t.Helper()
	loaded, err := rulepack.Load(packs...)
	if err != nil {
		t.Fatal(err)
	}
	c, ok := law.CalendarOf(calendar)
	if !ok {
		t.Fatalf("no calendar %q", calendar)
	}
	return law.Question{
		Right: right, ReceivedAt: time.Date(2026, 6, 26, 12, 0, 0, 0, time.UTC), Zone: time.UTC, Calendar: c, Packs: loaded,
	}
}

func TestEveryPackKeepsItsLawsTimes(t *testing.T) {
	for _, tc := range []struct {
		pack, calendar string
		right          law.Right
		day, extended  string // no extension: empty
		acknowledge    string
	}{
		{"gdpr", "none", law.Erasure, "2026-07-27", "2026-09-28", ""}, // both roll from a weekend
		{"gdpr", "de", law.Objection, "2026-07-27", "2026-09-28", ""},
		{"uk-gdpr", "gb-eng", law.Access, "2026-07-27", "2026-09-28", ""},
		{"ccpa", "none", law.Erasure, "2026-08-10", "2026-09-24", "2026-07-10"},
		{"ccpa", "us", law.Access, "2026-08-10", "2026-09-24", "2026-07-13"},
		{"ccpa", "none", law.OptOut, "2026-07-17", "", ""},
		{"ccpa", "none", law.Limit, "2026-07-17", "", ""},
		{"coppa", "us", law.Erasure, "2026-07-26", "", ""},
		{"hipaa", "us", law.Access, "2026-07-26", "2026-08-25", ""},
		{"hipaa", "us", law.Rectification, "2026-08-25", "2026-09-24", ""},
		{"hipaa", "us", law.Accounting, "2026-08-25", "2026-09-24", ""},
		{"cal-1798-83", "us", law.DisclosureList, "2026-07-26", "", ""},
	} {
		t.Run(tc.pack+" "+string(tc.right)+" "+tc.calendar, func(t *testing.T) {
			q := question(t, tc.right, tc.calendar, tc.pack)
			a, err := law.Due(q)
			if err != nil {
				t.Fatal(err)
			}
			if a.Day.String() != tc.day {
				t.Errorf("due on %s, want %s", a.Day, tc.day)
			}
			if got := acknowledged(a); got != tc.acknowledge {
				t.Errorf("acknowledged by %q, want %q", got, tc.acknowledge)
			}
			e := law.Extension{Pack: tc.pack, Reason: "complexity", NoticeAt: q.ReceivedAt}
			err = law.CheckExtension(q, e)
			if tc.extended == "" {
				if !errors.Is(err, law.ErrExtensionNotProvided) {
					t.Errorf("extension: error %v", err)
				}
				return
			}
			q.Extensions = []law.Extension{e}
			if a, err = law.Due(q); err != nil || a.Day.String() != tc.extended {
				t.Errorf("extended to %s, error %v, want %s", a.Day, err, tc.extended)
			}
		})
	}
}

func TestWhatArrivesElsewhereThanAtADesignatedAddressMayTakeLonger(t *testing.T) {
	for _, tc := range []struct {
		name      string
		elsewhere bool
		want      string
	}{
		{"at a designated address", false, "2026-07-26"},
		{"elsewhere", true, "2026-11-23"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			names, err := rulepack.Names()
			if err != nil {
				t.Fatal(err)
			}
			q := question(t, law.DisclosureList, "us", names...)
			q.Elsewhere = tc.elsewhere
			a, err := law.Due(q)
			if err != nil || a.Day.String() != tc.want {
				t.Errorf("due on %s, error %v, want %s", a.Day, err, tc.want)
			}
		})
	}
	q := question(t, law.Access, "us", "gdpr")
	q.Elsewhere = true
	if a, err := law.Due(q); err != nil || a.Day.String() != "2026-07-27" {
		t.Errorf("a right without another period is due on %s, error %v", a.Day, err)
	}
}

// acknowledged is the last day for telling that the request came.
func acknowledged(a law.Answer) string {
	if a.AckBy.IsZero() {
		return ""
	}
	return a.AckBy.Add(-1).Format(time.DateOnly)
}

func TestOnlyEuropesClocksPause(t *testing.T) {
	for _, tc := range []struct {
		pack, cause string
		right       law.Right
		err         error
	}{
		{"gdpr", "identity", law.Erasure, nil},
		{"gdpr", "fee", law.Erasure, law.ErrPauseNotProvided},
		{"uk-gdpr", "identity", law.Erasure, nil},
		{"uk-gdpr", "clarification", law.Erasure, nil},
		{"uk-gdpr", "fee", law.Erasure, nil},
		{"uk-gdpr", "workload", law.Erasure, law.ErrPauseNotProvided},
		{"ccpa", "identity", law.Erasure, law.ErrPauseNotProvided},
		{"coppa", "identity", law.Erasure, law.ErrPauseNotProvided},
		{"hipaa", "identity", law.Access, law.ErrPauseNotProvided},
		{"cal-1798-83", "identity", law.DisclosureList, law.ErrPauseNotProvided},
	} {
		q := question(t, tc.right, "none", tc.pack)
		if err := law.CheckPause(q, law.Pause{Pack: tc.pack, Cause: tc.cause, SentAt: q.ReceivedAt}); !errors.Is(err, tc.err) {
			t.Errorf("%s for %s: error %v, want %v", tc.pack, tc.cause, err, tc.err)
		}
	}
}

func TestHIPAAHasNoRightOfErasure(t *testing.T) {
	if _, err := law.Due(question(t, law.Erasure, "us", "hipaa", "cal-1798-83")); !errors.Is(err, law.ErrNoClock) {
		t.Errorf("error %v", err)
	}
}

func TestTheStricterLawDecidesADecline(t *testing.T) {
	told := law.Decline{Right: law.Erasure, Evidence: true, NoticeAt: time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC), Remedy: "de-1"}
	for _, tc := range []struct {
		name   string
		ground string
		right  law.Right
		packs  []string
		err    error
	}{
		{"a duty of law is one everywhere", "legally_required", law.Erasure, []string{"gdpr", "ccpa"}, nil},
		{"internal use is one in California", "internal_use", law.Erasure, []string{"ccpa"}, nil},
		{"but not where Europe counts too", "internal_use", law.Erasure, []string{"gdpr", "ccpa"}, law.ErrDeclineGround},
		{"that access is not required declines no erasure", "rights_of_others", law.Erasure, []string{"gdpr"}, law.ErrDeclineGround},
		{"others' rights limit an access", "rights_of_others", law.Access, []string{"gdpr"}, nil},
		{"an opt-out isn't declined for want of identity", "identity_failure", law.OptOut, []string{"ccpa"}, law.ErrDeclineGround},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := told
			d.Ground, d.Right = tc.ground, tc.right
			if err := law.CheckDecline(question(t, tc.right, "none", tc.packs...).Packs, d); !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
		})
	}
}

func TestNoPackLetsAnErasureCost(t *testing.T) {
	names, err := rulepack.Names()
	if err != nil {
		t.Fatal(err)
	}
	packs, err := rulepack.Load(names...)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packs {
		for _, f := range p.Fees {
			for _, right := range []law.Right{law.Erasure, law.Objection, law.OptOut, law.Limit} {
				if err := law.CheckFee([]law.Pack{p}, right, f.Code); err == nil {
					t.Errorf("%s lets %s cost for %s", p.Name, right, f.Code)
				}
			}
		}
	}
}

// terms are those of the Data Privacy Vocabulary 2.3 that a ground may name:
// the GDPR's justifications of Articles 12 and 17(3), and the neutral ones.
func terms() []string {
	var out []string
	for prefix, names := range map[string]string{
		"eu-gdpr:JustificationA12": "IdentityFailure IdentityRequired InformationRequired LackOfIntent MaliciousIntent " +
			"ManifestlyExcessive ManifestlyUnfounded",
		"eu-gdpr:JustificationA17": "Archiving FreedomOfExpression LegalClaims LegallyRequired OfficialAuthority PublicHealth PublicInterest",
		"justifications:": "ConfidentialityObligationCompromised ContractEstablishmentNecessity ContractPerformanceNecessity " +
			"DisproportionateEffortRequired FreedomOfExpressionImpaired FulfilmentImpossible IdentityVerificationFailure LackOfIntent " +
			"LegalClaimImpaired LegalObligationImpaired LegallyExempted LegitimateInterestOverride NotRequiredJustification " +
			"ObjectivesImpaired ProcessExcessive ProcessFrivolous ProcessMalicious ProcessUnfounded PublicHealthCompromised " +
			"PublicInterestCompromised ScientificHistoricalResearchImpaired SecurityImpaired ThirdPartyRightsImpaired",
	} {
		for _, name := range strings.Fields(names) {
			out = append(out, prefix+name)
		}
	}
	return out
}

func TestEveryGroundHasATermOfTheVocabulary(t *testing.T) {
	names, err := rulepack.Names()
	if err != nil {
		t.Fatal(err)
	}
	packs, err := rulepack.Load(names...)
	if err != nil {
		t.Fatal(err)
	}
	known := terms()
	for _, p := range packs {
		for _, g := range p.Grounds {
			if !slices.Contains(known, g.DPV) {
				t.Errorf("%s: %s has the term %s, which is not in the vocabulary", p.Name, g.Code, g.DPV)
			}
		}
	}
}
