package limit_test

import (
	"context"
	"errors"
	"testing"
	"time"

	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/auth"
	"habeas.internal/services/internal/rpc/limit"
)

func settings() limit.Settings {
	return limit.Settings{Caller: 2, Person: 1, Reads: 1, Open: 1, Tenant: 20, Network: 20, Process: 4, Refusals: 2}
}

func guard(t *testing.T, l *limit.Limiter, change func(*limit.Settings)) *limit.Guard {
	t.Helper()
	s := settings()
	if change != nil {
		change(&s)
	}
	g, err := limit.NewGuard(l, s, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func person(subject string, roles ...optionsv1.Role) rpc.Rated {
	return rpc.Rated{
		Principal: auth.Principal{Tenant: "acme", Subject: subject, Roles: auth.RolesOf(roles...)},
		Reads:     optionsv1.DataClass_DATA_CLASS_METADATA, Network: "192.0.2.1/32",
	}
}

// admitted is how many calls go on until one is refused, and what refuses it.
func admitted(t *testing.T, g *limit.Guard, calls ...rpc.Rated) (n int, kind string) {
	t.Helper()
	for n = range 1000 {
		_, err := g.Admit(t.Context(), calls[n%len(calls)])
		var over *limit.ExceededError
		switch {
		case errors.As(err, &over):
			return n, over.Kind
		case err != nil:
			t.Fatal(err)
		}
	}
	return n, ""
}

func TestEachCallerIsCountedByWhatItIsAndReads(t *testing.T) {
	const product, subject, dpo = optionsv1.Role_ROLE_PRODUCT, optionsv1.Role_ROLE_SUBJECT, optionsv1.Role_ROLE_DPO
	reading := person("c", dpo)
	reading.Reads = optionsv1.DataClass_DATA_CLASS_PERSONAL
	frequent, open := person("d", product), person("e", subject)
	frequent.Rate, open.Rate = optionsv1.Rate_RATE_FREQUENT, optionsv1.Rate_RATE_OPEN
	service := rpc.Rated{Principal: auth.Principal{Tenant: "acme", Service: "consent"}}
	var crowd []rpc.Rated
	for _, name := range []string{"f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"} {
		crowd = append(crowd, person(name, product))
	}
	elsewhere := append([]rpc.Rated(nil), crowd...)
	for i := range elsewhere {
		elsewhere[i].Principal.Tenant = "globex"
	}
	for name, test := range map[string]struct {
		calls []rpc.Rated
		n     int
		kind  string
	}{
		"a product":                {[]rpc.Rated{person("a", product)}, 10, "caller"},
		"a person":                 {[]rpc.Rated{person("b", subject)}, 5, "person"},
		"a reader":                 {[]rpc.Rated{reading}, 5, "reads"},
		"of a frequent method":     {[]rpc.Rated{frequent}, 20, "caller"},
		"who withdraws":            {[]rpc.Rated{open}, 5, "open"},
		"a service":                {[]rpc.Rated{service}, 20, "service"},
		"all callers of a tenant":  {crowd, 100, "tenant"},
		"all callers of a network": {elsewhere, 100, "network"},
	} {
		t.Run(name, func(t *testing.T) {
			g := guard(t, newClocked(t).Limiter, func(s *limit.Settings) {
				if name == "all callers of a network" {
					s.Tenant = 100
				}
			})
			if n, kind := admitted(t, g, test.calls...); n != test.n || kind != test.kind {
				t.Errorf("%d calls, then refused by %q, want %d and %q", n, kind, test.n, test.kind)
			}
		})
	}
}

func TestWhoCausesRefusalsIsRefusedAndMayStillWithdraw(t *testing.T) {
	g := guard(t, newClocked(t).Limiter, nil)
	call := person("a", optionsv1.Role_ROLE_PRODUCT)
	for i := range 10 {
		if i < 5 { // half of the caller's own calls
			if _, err := g.Admit(t.Context(), call); err != nil {
				t.Fatalf("call %d: %v", i, err)
			}
		}
		g.Refused(t.Context(), call)
	}
	if _, kind := admitted(t, g, call); kind != "refusals" {
		t.Errorf("refused by %q, want the count of refusals", kind)
	}
	call.Rate = optionsv1.Rate_RATE_OPEN
	if _, err := g.Admit(t.Context(), call); err != nil {
		t.Errorf("a withdrawal: %v", err)
	}
}

// What is never withheld goes on; what it may not do is fill the log.
func TestRefusalsOfWhatIsNeverWithheldAreKeptUpToALimit(t *testing.T) {
	g := guard(t, newClocked(t).Limiter, func(s *limit.Settings) { s.Person, s.Open = 4, 4 })
	for name, role := range map[string]optionsv1.Role{"a person": optionsv1.Role_ROLE_SUBJECT, "a product": optionsv1.Role_ROLE_PRODUCT} {
		call := person(name, role)
		call.Rate = optionsv1.Rate_RATE_OPEN
		kept, calls := 0, 0
		for ; calls < 15; calls++ {
			quiet, err := g.Admit(t.Context(), call)
			if err != nil {
				t.Fatalf("%s: call %d: %v", name, calls, err)
			}
			if !quiet {
				kept++
				g.Refused(t.Context(), call)
			}
		}
		if kept != 10 {
			t.Errorf("%s caused %d refusals that are kept for good, want 10", name, kept)
		}
	}
}

func TestAPersonHasNoMoreOpenCallsThanOthers(t *testing.T) {
	open := person("a", optionsv1.Role_ROLE_SUBJECT)
	open.Rate = optionsv1.Rate_RATE_OPEN
	if n, kind := admitted(t, guard(t, newClocked(t).Limiter, func(s *limit.Settings) { s.Open = 100 }), open); n != 5 || kind != "open" {
		t.Errorf("%d calls, then refused by %q, want 5 and open", n, kind)
	}
}

func TestWithoutRedisAGuardRefusesAllButWhatMustStayOpen(t *testing.T) {
	c := newClocked(t)
	told := 0
	g, err := limit.NewGuard(c.Limiter, settings(), func(error) { told++ })
	if err != nil {
		t.Fatal(err)
	}
	c.server.Close()
	call := person("a", optionsv1.Role_ROLE_PRODUCT)
	for range 3 {
		if _, err := g.Admit(t.Context(), call); !errors.Is(err, limit.ErrUnavailable) {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
	}
	if told != 1 {
		t.Errorf("told %d times, want once in ten seconds", told)
	}
	for _, rate := range []optionsv1.Rate{optionsv1.Rate_RATE_OPEN, optionsv1.Rate_RATE_FREQUENT} {
		call.Rate = rate
		if _, err := g.Admit(t.Context(), call); err != nil {
			t.Errorf("%s: %v", rate, err)
		}
	}
	if _, err := g.Admit(t.Context(), rpc.Rated{Principal: auth.Principal{Tenant: "acme", Service: "consent"}}); err != nil {
		t.Errorf("a service: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	g.Refused(ended, call) // only counts, and returns
}

func TestSettingsThatAllowNothingAreRefused(t *testing.T) {
	l := newLimiter(t, "127.0.0.1:1", time.Now)
	for _, change := range []func(*limit.Settings){
		func(s *limit.Settings) { s.Caller = 0 }, func(s *limit.Settings) { s.Refusals = 0 }, func(s *limit.Settings) { s.Network = -1 },
	} {
		s := settings()
		change(&s)
		if _, err := limit.NewGuard(l, s, nil); err == nil {
			t.Errorf("%+v was accepted", s)
		}
	}
}
