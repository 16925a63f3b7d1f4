package person_test

import (
	"fmt"
	"testing"
	"time"

	"habeas.internal/services/consent/person"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func authorized(id string, at time.Time, scopes ...string) person.SourceAuthorized {
	return person.SourceAuthorized{
		ID: id, Policy: "p", Version: 1, Provider: "mailer", Scopes: scopes, Evidence: "e", AuthorizedAt: at, RecordedAt: at,
	}
}

func revoked(at time.Time, scopes ...string) person.SourceRevoked {
	return person.SourceRevoked{Policy: "p", Provider: "mailer", Scopes: scopes, RevokedAt: at, RecordedAt: at}
}

func account(scope string) person.Account {
	return person.Account{Policy: "p", Provider: "mailer", Scope: scope}
}

func authorize(e person.SourceAuthorized, change ...func(*person.Authorize)) person.Authorize {
	c := person.Authorize{
		ID: e.ID, Policy: e.Policy, Version: e.Version, Provider: e.Provider, Scopes: e.Scopes, Evidence: e.Evidence,
		AuthorizedAt: e.AuthorizedAt, At: e.RecordedAt,
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

func revoke(e person.SourceRevoked) person.Revoke {
	return person.Revoke{Policy: e.Policy, Provider: e.Provider, Scopes: e.Scopes, RevokedAt: e.RevokedAt, At: e.RecordedAt}
}

func TestAccountsElsewhere(t *testing.T) {
	at, later := noon(), noon().Add(time.Hour)
	given := authorized("a1", at, "mail", "notes")
	erased := person.FactApplied{Fact: person.Erased, RecordedAt: at}
	closed := person.FactApplied{Fact: person.Closed, RecordedAt: at}
	refused := func(r person.Refusal) []person.Event {
		return []person.Event{person.AuthorizationRefused{Policy: "p", Provider: "mailer", Reason: r.Reason()}}
	}
	var many []person.Event
	for i := range person.MaxSources {
		many = append(many, authorized("a", at, fmt.Sprint("s", i)))
	}
	leave := func(visit ...person.Event) person.Inherit { return person.Inherit{Visit: fold(visit...), At: later} }
	check(t, []decision{
		{"a person authorises", nil, authorize(given, func(c *person.Authorize) { c.Scopes = []string{"notes", "mail", "mail"} }), []person.Event{given}, nil},
		{"without evidence nobody is known", nil, authorize(given, func(c *person.Authorize) { c.Evidence = "" }), nil, person.ErrNoEvidence},
		{"without evidence", []person.Event{given}, authorize(given, func(c *person.Authorize) { c.Evidence = "" }), refused(person.ErrNoEvidence), person.ErrNoEvidence},
		{"an erased person authorises nothing", []person.Event{erased}, authorize(given), refused(person.ErrErased), person.ErrErased},
		{"nobody authorises for a closed account", []person.Event{closed}, authorize(given), refused(person.ErrClosed), person.ErrClosed},
		{"there are so many accounts", many, authorize(given), refused(person.ErrTooManySources), person.ErrTooManySources},
		{"an authorisation lies not ahead", nil, authorize(given, func(c *person.Authorize) { c.AuthorizedAt = later }), nil, person.ErrInFuture},
		{"one scope is revoked", []person.Event{given}, revoke(revoked(later, "mail")), []person.Event{revoked(later, "mail")}, nil},
		{"all is revoked", []person.Event{given}, revoke(revoked(later)), []person.Event{revoked(later)}, nil},
		{"what was never authorised is revoked, too", nil, revoke(revoked(later)), []person.Event{revoked(later)}, nil},
		{"what is revoked stays so", []person.Event{revoked(later)}, revoke(revoked(later)), nil, nil},
		{"a revocation lies not ahead", nil, person.Revoke{RevokedAt: later, At: at}, nil, person.ErrInFuture},
		{"the number of revocations has an end, too", many, revoke(revoked(later, "mail")), nil, person.ErrTooManySources},
		{"after an erasure nothing is left to revoke", []person.Event{given, erased}, revoke(revoked(later)), nil, nil},
		{"an authorisation stays with the visit", nil, leave(given), nil, nil},
		{"a revocation becomes the person's own", nil, leave(given, revoked(at.Add(1), "mail")), []person.Event{
			person.SourceRevoked{Policy: "p", Provider: "mailer", Scopes: []string{"mail"}, RevokedAt: at.Add(1), RecordedAt: later},
		}, nil},
	})
}

func TestOneAuthorisationStands(t *testing.T) {
	at, later := noon(), noon().Add(time.Hour)
	erased := person.FactApplied{Fact: person.Erased, RecordedAt: at}
	for _, tc := range []struct {
		name   string
		events []person.Event
		mail   string
		notes  string
	}{
		{"of the scope", []person.Event{authorized("a1", at, "mail")}, "a1", ""},
		{"the newest", []person.Event{authorized("a2", later, "mail"), authorized("a1", at, "mail", "notes")}, "a2", "a1"},
		{"none that was revoked", []person.Event{authorized("a1", at, "mail", "notes"), revoked(later, "mail")}, "", "a1"},
		{"none after all was revoked", []person.Event{authorized("a1", at, "mail", "notes"), revoked(later)}, "", ""},
		{"none that was given before, though it was recorded after", []person.Event{revoked(later), authorized("a1", at, "mail")}, "", ""},
		{"none of the same moment", []person.Event{authorized("a1", at, "mail"), revoked(at, "mail")}, "", ""},
		{"one that was given again", []person.Event{revoked(at), authorized("a1", later, "mail")}, "a1", ""},
		{"none after everything was withdrawn", []person.Event{authorized("a1", at, "mail"), all(later)}, "", ""},
		{"none of before, though it was recorded after that", []person.Event{all(later), authorized("a1", at, "mail")}, "", ""},
		{"one that was given after everything was withdrawn", []person.Event{all(at), authorized("a1", later, "mail")}, "a1", ""},
		{"none after an erasure", []person.Event{authorized("a1", at, "mail"), erased}, "", ""},
		{"none of another provider", []person.Event{person.SourceAuthorized{ID: "a1", Policy: "p", Provider: "other", Scopes: []string{"mail"}, AuthorizedAt: at}}, "", ""},
		{"none of another policy", []person.Event{person.SourceAuthorized{ID: "a1", Policy: "q", Provider: "mailer", Scopes: []string{"mail"}, AuthorizedAt: at}}, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := fold(tc.events...)
			if mail, notes := s.Authorised(account("mail")), s.Authorised(account("notes")); mail != tc.mail || notes != tc.notes {
				t.Errorf("mail %q and notes %q, want %q and %q", mail, notes, tc.mail, tc.notes)
			}
		})
	}
}

func TestNoAuthorisationPassesToAnotherReference(t *testing.T) {
	at, later := noon(), noon().Add(time.Hour)
	if got := person.Joined(person.Person{}, fold(authorized("a1", at, "mail"))).Authorised(account("mail")); got != "" {
		t.Errorf("the partner's authorisation %s counts", got)
	}
	own := fold(authorized("a1", at, "mail"))
	if got := person.Joined(own, fold(revoked(later))).Authorised(account("mail")); got != "" {
		t.Errorf("the partner's revocation does not count against %s", got)
	}
	if got := person.Joined(own, fold(all(later))).Authorised(account("mail")); got != "" {
		t.Errorf("the partner's withdrawal of everything does not count against %s", got)
	}
	if got := person.Joined(own, fold(revoked(at.Add(-1)))).Authorised(account("mail")); got != "a1" {
		t.Errorf("the partner's earlier revocation counts: %q", got)
	}
}

func TestTheOrderOfRecordingDoesNotMatterToAuthorisations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) person.Event {
			at := noon().Add(time.Duration(rapid.IntRange(0, 4).Draw(t, "hour")) * time.Hour)
			scopes := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"mail", "notes"}), 0, 2, rapid.ID).Draw(t, "scopes")
			if len(scopes) == 0 || rapid.Bool().Draw(t, "no") {
				return revoked(at, scopes...)
			}
			return authorized(rapid.SampledFrom([]string{"a1", "a2", "a3"}).Draw(t, "id"), at, scopes...)
		}), 1, 8).Draw(t, "acts")
		one, other := fold(all...), fold(rapid.Permutation(all).Draw(t, "order")...)
		one.Since, other.Since = time.Time{}, time.Time{}
		if diff := cmp.Diff(one, other); diff != "" {
			t.Fatalf("-one +other:\n%s", diff)
		}
	})
}
