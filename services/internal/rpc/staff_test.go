package rpc_test

import (
	"context"
	"slices"
	"testing"

	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/rpctest"

	"google.golang.org/grpc/codes"
)

// desk answers for staff as a test says.
type desk struct {
	asked  []rpc.Look
	may    rpc.Permission
	err    error
	about  []string // whose consent was asked for
	shown  rpc.Shown
	agreed string
	away   error
	noCase bool // they have no need for a case
}

func (d *desk) Agreed(_ context.Context, _ rpc.Look, shown rpc.Shown) (string, error) {
	d.about, d.shown = shown.Refs, shown
	return d.agreed, d.away
}

func (d *desk) Check(_ context.Context, l rpc.Look) (rpc.Permission, error) {
	d.asked = append(d.asked, l)
	if d.noCase && l.Purpose == "" {
		return rpc.Permission{Refusal: rpc.ReasonNoNeed}, d.err
	}
	return d.may, d.err
}

func TestAPersonSeesOthersDataOnlyAsStaff(t *testing.T) {
	d := &desk{}
	log, p := &rpctest.Reads{}, &people{saw: func(ctx context.Context) { rpc.Saw(ctx, "jane") }}
	w := newWorld(t, func(c *rpc.Config) {
		c.Reads, c.Staff = log, d
		c.Services = append(c.Services, subjects(p))
	})
	c := client(t, w, "")
	for name, tc := range map[string]struct {
		may  rpc.Permission
		err  error
		code codes.Code
		want string
	}{
		"no undertaking":     {rpc.Permission{Refusal: "UNDERTAKING_REQUIRED"}, nil, codes.PermissionDenied, "UNDERTAKING_REQUIRED"},
		"no need":            {rpc.Permission{Refusal: "NEED_REQUIRED"}, nil, codes.PermissionDenied, "NEED_REQUIRED"},
		"a closed grant":     {rpc.Permission{Refusal: "BREAK_GLASS_CLOSED"}, nil, codes.PermissionDenied, "BREAK_GLASS_CLOSED"},
		"another case":       {rpc.Permission{Case: "case-2"}, nil, codes.PermissionDenied, "OUTSIDE_NEED"},
		"a case unnamed":     {rpc.Permission{Case: "case-1"}, nil, codes.PermissionDenied, "OUTSIDE_NEED"},
		"some other reason":  {rpc.Permission{Refusal: "X"}, nil, codes.PermissionDenied, "NEED_REQUIRED"},
		"nobody knows":       {rpc.Permission{}, errDown, codes.Unavailable, "STAFF_CHECK_UNAVAILABLE"},
		"somebody else":      {rpc.Permission{Subjects: []string{"john"}}, nil, codes.PermissionDenied, "OUTSIDE_NEED"},
		"the person":         {rpc.Permission{Subjects: []string{"jane"}, BreakGlass: "grant-1"}, nil, codes.OK, ""},
		"everybody may be":   {rpc.Permission{}, nil, codes.OK, ""},
		"the person or john": {rpc.Permission{Subjects: []string{"john", "jane"}}, nil, codes.OK, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d.may, d.err = tc.may, tc.err
			before := len(log.All())
			answer, err := c.ListIdentifiers(because(w.as(t, "verifier"), "habeas-case", "case-1"), whose())
			all := log.All()
			switch {
			case tc.code != codes.OK:
				wantFault(t, err, tc.code, tc.want)
				if answer != nil || tc.code == codes.PermissionDenied && (len(all) != before+1 || all[before].Refusal != tc.want) {
					t.Errorf("answered %v, recorded %v", answer, all[before:])
				}
			case err != nil || len(all) != before+1 || all[before].BreakGlass != tc.may.BreakGlass:
				t.Errorf("error %v, recorded %v", err, all[before:])
			}
		})
	}
	const listIdentifiers = "/habeas.identity.v1.SubjectService/ListIdentifiers"
	if l := d.asked[0]; l != (rpc.Look{Tenant: "acme", Actor: rpc.ActorID("acme", "actor-1"), Purpose: "case.identity", Case: "case-1", Method: listIdentifiers}) {
		t.Errorf("asked about %+v", l)
	}
}

// TestACaseThatIsMadeUpIsNotRecorded: what is read for a case is not held against
// the policies' purposes.
func TestACaseThatIsMadeUpIsNotRecorded(t *testing.T) {
	d, log := &desk{}, &rpctest.Reads{}
	handler := ""
	w := newWorld(t, func(c *rpc.Config) {
		c.Reads, c.Staff = log, d
		c.Services = append(c.Services, subjects(&people{saw: func(ctx context.Context) {
			if handler != "" {
				if err := rpc.OnCase(ctx, handler); err != nil {
					t.Error(err)
				}
			}
			rpc.Saw(ctx, "jane")
		}}))
	})
	c := client(t, w, "")
	for _, tc := range []struct {
		name    string
		noCase  bool
		handler string
		want    string
	}{
		{"they may look for the purpose alone", true, "", ""},
		{"they need it for the case", false, "", "case-1"},
		{"the method is about the case", true, "case-1", "case-1"},
	} {
		d.noCase, handler = tc.noCase, tc.handler
		if _, err := c.ListIdentifiers(because(w.as(t, "verifier"), "habeas-case", "case-1"), whose()); err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		all := log.All()
		if last := all[len(all)-1]; last.Case != tc.want || last.Purpose == "" {
			t.Errorf("%s: recorded for case %q and purpose %q, want case %q", tc.name, last.Case, last.Purpose, tc.want)
		}
	}
}

// TestAHandlerMayAskBeforeItAnswers: what it would record of the reading is no
// reading when it is refused.
func TestAHandlerMayAskBeforeItAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		may    rpc.Permission
		agreed string
		full   error
		code   codes.Code
		want   string
	}{
		"it may":        {rpc.Permission{Consent: true}, "", nil, codes.OK, ""},
		"somebody else": {rpc.Permission{Subjects: []string{"john"}}, "", nil, codes.PermissionDenied, "OUTSIDE_NEED"},
		"no consent":    {rpc.Permission{Consent: true}, "CONSENT_REQUIRED", nil, codes.PermissionDenied, "CONSENT_REQUIRED"},
		"no record":     {rpc.Permission{}, "", errDown, codes.Unavailable, "READ_LOG_UNAVAILABLE"},
	} {
		t.Run(name, func(t *testing.T) {
			d, log := &desk{may: tc.may, agreed: tc.agreed}, &rpctest.Reads{}
			log.Fail(tc.full)
			var told error
			w := newWorld(t, func(c *rpc.Config) {
				c.Reads, c.Staff = log, d
				c.Services = append(c.Services, subjects(&people{saw: func(ctx context.Context) {
					rpc.SawMerged(ctx, "jane", "john")
					told = rpc.Show(ctx)
					rpc.SawMerged(ctx, "jane", "john") // whom it has told of
				}}))
			})
			_, err := client(t, w, "").ListIdentifiers(because(w.as(t, "verifier")), whose())
			if (told != nil) != (tc.want != "") {
				t.Errorf("the handler was told %v", told)
			}
			if tc.want != "" {
				wantFault(t, err, tc.code, tc.want)
			} else if err != nil || len(d.about) != 1 || len(log.All()) != 1 {
				t.Errorf("error %v, asked about %v, recorded %v", err, d.about, log.All())
			}
		})
	}
}

func TestAServiceIsNoStaff(t *testing.T) {
	d := &desk{err: errDown}
	w := newWorld(t, func(c *rpc.Config) {
		c.Staff = d
		c.Services = append(c.Services, subjects(&people{saw: rpc.SawNobody}))
		c.Callers["habeas.identity.v1.SubjectService"] = []string{"consentd"}
	})
	ctx := because(with(t, "habeas-tenant", "acme"))
	if _, err := client(t, w, "consentd").ListIdentifiers(ctx, whose()); err != nil || len(d.asked) > 0 {
		t.Errorf("error %v, asked %v", err, d.asked)
	}
}

// TestConsentIsAskedForBeforeAnythingLeaves: where the tenant's policy says so,
// with those whose data the answer holds; and not knowing is no.
func TestConsentIsAskedForBeforeAnythingLeaves(t *testing.T) {
	for name, tc := range map[string]struct {
		saw    []string
		agreed string
		away   error
		about  []string
		code   codes.Code
		want   string
	}{
		"all have agreed":  {[]string{"john", "jane", "john"}, "", nil, []string{"jane", "john"}, codes.OK, ""},
		"one has not":      {[]string{"jane"}, "CONSENT_REQUIRED", nil, []string{"jane"}, codes.PermissionDenied, "CONSENT_REQUIRED"},
		"nobody knows":     {[]string{"jane"}, "", errDown, []string{"jane"}, codes.Unavailable, "STAFF_CHECK_UNAVAILABLE"},
		"nobody is shown":  {nil, "CONSENT_REQUIRED", nil, nil, codes.OK, ""},
		"any other reason": {[]string{"jane"}, "X", nil, []string{"jane"}, codes.PermissionDenied, "NEED_REQUIRED"},
	} {
		t.Run(name, func(t *testing.T) {
			d := &desk{may: rpc.Permission{Consent: true}, agreed: tc.agreed, away: tc.away}
			log := &rpctest.Reads{}
			w := newWorld(t, func(c *rpc.Config) {
				c.Reads, c.Staff = log, d
				c.Services = append(c.Services, subjects(&people{saw: func(ctx context.Context) { rpc.Saw(ctx, tc.saw...) }}))
			})
			answer, err := client(t, w, "").ListIdentifiers(because(w.as(t, "verifier"), "habeas-break-glass", "grant-1"), whose())
			if !slices.Equal(d.about, tc.about) || d.asked[0].BreakGlass != "grant-1" {
				t.Errorf("asked about %v, %+v", d.about, d.asked)
			}
			if tc.code == codes.OK {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantFault(t, err, tc.code, tc.want)
			if all := log.All(); answer != nil || tc.code == codes.PermissionDenied && (len(all) != 1 || all[0].Refusal != tc.want) {
				t.Errorf("answered %v, recorded %v", answer, all)
			}
		})
	}
}

// TestAPersonsOwnRequestIsTheirWordForItsCase: who handles it, by a need for that
// case, needs no further consent; everybody else does.
func TestAPersonsOwnRequestIsTheirWordForItsCase(t *testing.T) {
	for name, tc := range map[string]struct {
		stated string
		own    bool
		noCase bool
		want   string
	}{
		"by a need for the case":       {"case-1", true, false, ""},
		"by a need for a purpose":      {"case-1", true, true, "CONSENT_REQUIRED"},
		"by another case":              {"case-2", true, false, "CONSENT_REQUIRED"},
		"without a case":               {"", true, false, "CONSENT_REQUIRED"},
		"of what they did not ask for": {"case-1", false, false, "CONSENT_REQUIRED"},
	} {
		t.Run(name, func(t *testing.T) {
			d := &desk{may: rpc.Permission{Consent: true}, agreed: "CONSENT_REQUIRED", noCase: tc.noCase}
			w := newWorld(t, func(c *rpc.Config) {
				c.Reads, c.Staff = &rpctest.Reads{}, d
				c.Services = append(c.Services, subjects(&people{saw: func(ctx context.Context) {
					_ = rpc.OnCase(ctx, "case-1")
					rpc.Saw(ctx, "jane")
					rpc.Holds(ctx, "qcera", []string{"visitor.email"}, tc.own)
				}}))
			})
			pairs := []string{}
			if tc.stated != "" {
				pairs = []string{"habeas-case", tc.stated}
			}
			_, err := client(t, w, "").ListIdentifiers(because(w.as(t, "verifier"), pairs...), whose())
			if tc.want == "" {
				if err != nil || d.about != nil {
					t.Errorf("error %v, asked about %v", err, d.about)
				}
				return
			}
			wantFault(t, err, codes.PermissionDenied, tc.want)
			if d.shown.Policy != "qcera" || !slices.Equal(d.shown.Categories, []string{"visitor.email"}) {
				t.Errorf("asked about %+v", d.shown)
			}
		})
	}
}

// TestAPersonWhoComesThroughAServiceIsStaff: whoever has a service's certificate has
// not yet the undertaking of the person whose token they pass on.
func TestAPersonWhoComesThroughAServiceIsStaff(t *testing.T) {
	d, log := &desk{may: rpc.Permission{Refusal: "UNDERTAKING_REQUIRED"}}, &rpctest.Reads{}
	w := newWorld(t, func(c *rpc.Config) {
		c.Reads, c.Staff = log, d
		c.Services = append(c.Services, subjects(&people{saw: func(ctx context.Context) { rpc.Saw(ctx, "jane") }}))
		c.Callers["habeas.identity.v1.SubjectService"] = []string{"consentd"}
	})
	if _, err := client(t, w, "consentd").ListIdentifiers(because(w.as(t, "verifier")), whose()); err == nil {
		t.Error("a person without an undertaking sees Jane's data through a service")
	}
	d.may = rpc.Permission{}
	if _, err := client(t, w, "consentd").ListIdentifiers(because(w.as(t, "verifier")), whose()); err != nil {
		t.Errorf("the twin, with one: %v", err)
	}
}
