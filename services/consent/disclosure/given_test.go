package disclosure_test

import (
	"testing"
	"time"

	"habeas.internal/services/consent/disclosure"

	"github.com/google/go-cmp/cmp"
)

func gave(number uint32, to, purpose string, at time.Time, change ...func(*disclosure.Disclosed)) disclosure.Disclosed {
	d := disclosure.Disclosed{Number: number, At: at, Entry: disclosure.Entry{
		Recipient: to, Action: "disclose", Policy: "shop", Version: 1, Purpose: purpose, Categories: []string{"email"},
	}}
	for _, c := range change {
		c(&d)
	}
	return d
}

func numbers(entries []disclosure.Disclosed) (out []uint32) {
	for _, e := range entries {
		out = append(out, e.Number)
	}
	return out
}

func marketing(d *disclosure.Disclosed) { d.Marketing = true }
func own(d *disclosure.Disclosed)       { d.Action = "use" }
func other(d *disclosure.Disclosed)     { d.Policy = "club" }

func categories(names ...string) func(*disclosure.Disclosed) {
	return func(d *disclosure.Disclosed) { d.Categories = names }
}

func TestWhatARecipientGotIsSummedUpOnceForEach(t *testing.T) {
	first, last := time.Date(2025, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(2025, 3, 4, 0, 0, 0, 0, time.UTC)
	got := disclosure.Given([]disclosure.Disclosed{
		gave(1, "mailer", "news", last, categories("name", "email")), gave(2, "broker", "news", first), gave(3, "mailer", "bills", first),
		gave(4, "court", "ground.law", first, own),
	})
	want := []disclosure.Holding{
		{Recipient: "broker", Categories: []string{"email"}, Purposes: []string{"news"}, Disclosures: 1, First: first, Last: first},
		{Recipient: "mailer", Categories: []string{"email", "name"}, Purposes: []string{"bills", "news"}, Disclosures: 2, First: first, Last: last},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := disclosure.Given(nil); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

func TestAYearBeginsAndEndsInTheZoneOfThePolicy(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	begins, ends := time.Date(2024, 1, 1, 0, 0, 0, 0, zone), time.Date(2025, 1, 1, 0, 0, 0, 0, zone)
	entries := []disclosure.Disclosed{
		gave(1, "mailer", "news", begins.Add(-time.Nanosecond), marketing),
		gave(2, "mailer", "news", begins, marketing),
		gave(3, "mailer", "news", begins.Add(time.Hour)), // not for marketing
		gave(4, "mailer", "news", begins.Add(time.Hour), marketing, other),
		gave(5, "mailer", "news", begins.Add(time.Hour), marketing, own),
		gave(6, "mailer", "news", ends.Add(-time.Nanosecond), marketing),
		gave(7, "mailer", "news", ends, marketing),
	}
	if diff := cmp.Diff([]uint32{2, 6}, numbers(disclosure.Marketed(entries, "shop", 2024, zone))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]uint32{1}, numbers(disclosure.Marketed(entries[:2], "shop", 2023, zone))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]uint32{1, 2}, numbers(disclosure.Marketed(entries[:2], "shop", 2023, time.FixedZone("west", -24*3600)))); diff != "" {
		t.Errorf("in another zone: %s", diff)
	}
}

func TestAnAccountingReachesSixYearsBackAndLeavesOutWhatIsExempt(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	from := disclosure.AccountedFrom(now)
	if want := time.Date(2020, 6, 1, 12, 0, 0, 0, time.UTC); !from.Equal(want) {
		t.Fatalf("from %s, want %s", from, want)
	}
	entries := []disclosure.Disclosed{
		gave(4, "court", "ground.law", now), gave(1, "mailer", "research", from.Add(-time.Nanosecond)), gave(2, "mailer", "research", from),
		gave(3, "clinic", "care", now.Add(-time.Hour)), gave(5, "", "ground.terms", now, own),
	}
	got := disclosure.Accounted(entries, from, func(e disclosure.Disclosed) bool { return e.Purpose == "care" })
	if diff := cmp.Diff([]uint32{2, 4}, numbers(got)); diff != "" {
		t.Error(diff)
	}
}
