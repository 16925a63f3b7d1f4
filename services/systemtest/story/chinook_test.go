package story_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/audit"
	"habeas.internal/services/internal/devmail"
	"habeas.internal/services/internal/sqltest"
	"habeas.internal/services/systemtest/canary"

	"github.com/google/go-cmp/cmp"
)

// customer is somebody in a sample database, and where their rows are.
type customer struct {
	system string
	db     *sqltest.Database
	email  string
	// traces are texts that only this person's rows hold.
	traces []string
	// mine are the conditions that select the person's rows, by table.
	mine map[string]string
	// shown selects what a package must hold, by table, in the order of the key.
	shown map[string]string
	// kept selects what tax law keeps.
	kept string
}

func helena(w *world) customer {
	return customer{
		system: "chinook", db: w.chinook, email: "hholy@gmail.com",
		traces: []string{"hholy@gmail.com", "Helena", "Holý", "Rilská", "+420 2 4177 0449"},
		mine: map[string]string{
			"customer": "customer_id = 6", "invoice": "customer_id = 6",
			"invoice_line": "invoice_id IN (SELECT invoice_id FROM invoice WHERE customer_id = 6)",
		},
		shown: map[string]string{
			"customer": `SELECT customer_id, first_name, last_name, company, address, city, state, country, postal_code, phone, fax, email,
				support_rep_id FROM customer WHERE customer_id = 6`,
			"invoice": `SELECT invoice_id, customer_id, invoice_date, billing_address, billing_city, billing_state, billing_country,
				billing_postal_code, total FROM invoice WHERE customer_id = 6 ORDER BY invoice_id`,
			"invoice_line": `SELECT invoice_line_id, invoice_id, track_id, unit_price, quantity FROM invoice_line
				WHERE invoice_id IN (SELECT invoice_id FROM invoice WHERE customer_id = 6) ORDER BY invoice_line_id`,
		},
		kept: "SELECT invoice_id, invoice_date, total FROM invoice WHERE customer_id = 6 ORDER BY 1",
	}
}

func mary(w *world) customer {
	return customer{
		system: "sakila", db: w.sakila, email: "mary.smith@sakilacustomer.org",
		traces: []string{"mary.smith@sakilacustomer.org", "1913 Hanoi Way", "28303384290"},
		mine: map[string]string{
			"customer": "customer_id = 1", "payment": "customer_id = 1", "rental": "customer_id = 1", "address": "address_id = 5",
		},
		shown: map[string]string{
			"customer": `SELECT customer_id, store_id, first_name, last_name, email, address_id, active, create_date, last_update FROM customer
				WHERE customer_id = 1`,
			"address": "SELECT address_id, address, address2, district, city_id, postal_code, phone, last_update FROM address WHERE address_id = 5",
			"rental": `SELECT rental_id, rental_date, inventory_id, customer_id, return_date, staff_id FROM rental
				WHERE customer_id = 1 ORDER BY rental_id`,
			"payment": `SELECT payment_id, customer_id, staff_id, rental_id, amount, payment_date FROM payment
				WHERE customer_id = 1 ORDER BY payment_id`,
		},
		kept: "SELECT payment_id, amount, payment_date, staff_id FROM payment WHERE customer_id = 1 ORDER BY 1",
	}
}

// TestAStoryInRealDatabases takes people through access and erasure, stops
// everything, and looks at what is left: in the databases, in the log, in the
// traces, and wherever else something could have been written.
func TestAStoryInRealDatabases(t *testing.T) {
	w := newWorld(t)
	plant(t, w)
	packets := canary.Listen(t, w.Ports())
	for _, c := range []customer{helena(w), mary(w)} {
		t.Run("what is shown is what is there, and then it is gone: "+c.system, func(t *testing.T) { c.seesAllAndIsErased(t, w) })
	}
	unpacked := w.showAndErase(planted()[1])
	told := w.tell(t, w.number(t, 9))
	places := map[string][]byte{"redis": canary.Dump(t, w.Redis.Addr()), "metrics": w.Metrics()}
	if packets != nil {
		places["packets"] = packets.Stop()
	}
	if err := w.Stop(); err != nil { // flushes spans
		t.Fatal(err)
	}
	t.Run("one trace runs from submission to completion", func(t *testing.T) { w.traced(t, told) })
	t.Run("the log alone tells the whole story", func(t *testing.T) { w.replayed(t, told) })
	t.Run("the log is in the order of the documentation", func(t *testing.T) {
		erasure, access := mentioned(t)
		isToldInOrder(t, erasure, w.Replay(audit.Filter{Tenant: tenant, Request: told.closed.GetRequest()}))
		isToldInOrder(t, access, w.Replay(audit.Filter{Tenant: tenant, Request: told.access}))
	})
	t.Run("planted values are found in clear nowhere", func(t *testing.T) { w.nowhere(t, unpacked, places) })
}

// seesAllAndIsErased holds a package and an erasure against the database.
func (c customer) seesAllAndIsErased(t *testing.T, w *world) {
	w.Register(tenant, c.email)
	others := c.db.Checksums(t, c.mine)
	access := w.Closed(tenant, w.Ask(tenant, fulfilmentv1.Right_RIGHT_ACCESS, policy, c.email))
	if access.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_COMPLETE {
		t.Errorf("access ended as %v", access.GetOutcome())
	}
	if diff := cmp.Diff(c.byHand(t), c.packaged(t, w.Package(tenant, access.GetRequest()))); diff != "" {
		t.Errorf("what is shown is not what is there (-there +shown):\n%s", diff)
	}
	kept := c.db.Rows(t, c.kept)
	erasure := w.Closed(tenant, w.Ask(tenant, fulfilmentv1.Right_RIGHT_ERASURE, policy, c.email))
	c.isGone(t, erasure, others, kept)
}

// told is an erasure that was followed to its end.
type told struct {
	person string
	access string
	closed *fulfilmentv1.Request
}

// tell shows a customer their data, erases them and waits until nothing
// is left to be done.
func (w *world) tell(t *testing.T, c customer) told {
	t.Helper()
	person := w.Register(tenant, c.email)
	access := w.Closed(tenant, w.Ask(tenant, fulfilmentv1.Right_RIGHT_ACCESS, policy, c.email)).GetRequest()
	w.Package(tenant, access)
	closed := w.Closed(tenant, w.Ask(tenant, fulfilmentv1.Right_RIGHT_ERASURE, policy, c.email))
	w.Mail.Wait(t, c.email, func(l devmail.Message) bool {
		return strings.Contains(l.Text, closed.GetRequest()) && strings.Contains(l.Text, "tax")
	})
	w.finished(t, closed.GetRequest())
	return told{person, access, closed}
}

// isGone holds the database and the request against each other.
func (c customer) isGone(t *testing.T, r *fulfilmentv1.Request, others map[string]string, kept []string) {
	t.Helper()
	if r.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_COMPLETE_WITH_RETAINED {
		t.Errorf("erasure ended as %v", r.GetOutcome())
	}
	if places := c.db.Find(t, c.traces...); len(places) > 0 {
		t.Errorf("the person is still found in %v", places)
	}
	if diff := cmp.Diff(others, c.db.Checksums(t, c.mine)); diff != "" {
		t.Errorf("other people's rows changed (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(kept, c.db.Rows(t, c.kept)); diff != "" {
		t.Errorf("what law keeps changed (-before +after):\n%s", diff)
	}
	retained := 0
	for _, l := range r.GetLeaves() {
		switch l.GetOutcome() {
		case fulfilmentv1.LeafOutcome_LEAF_OUTCOME_RETAINED:
			if l.GetReason() == "legal_obligation.tax" {
				retained++
				if l.GetAuthority() == "" || !l.GetUntil().AsTime().After(time.Now()) {
					t.Errorf("leaf %d is kept by %q until %v", l.GetLeaf(), l.GetAuthority(), l.GetUntil().AsTime())
				}
			}
		case fulfilmentv1.LeafOutcome_LEAF_OUTCOME_UNSPECIFIED, fulfilmentv1.LeafOutcome_LEAF_OUTCOME_FAILED:
			t.Errorf("leaf %d of a closed request: %v", l.GetLeaf(), l.GetOutcome())
		default:
		}
	}
	if retained == 0 {
		t.Error("no leaf lists the amounts as kept")
	}
}

// byHand is what hand-written SQL finds of the person, by table.
func (c customer) byHand(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for table, query := range c.shown {
		for _, row := range c.db.Rows(t, query) {
			out[table] = append(out[table], moment.ReplaceAllString(row, "${1}T${2}Z"))
		}
	}
	return out
}

// moment is a time as MariaDB prints it; packages have the form of RFC 3339.
var moment = regexp.MustCompile(`\b(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)\b`)

// packaged is what a package holds of the system, by table, as the database
// writes it.
func (c customer) packaged(t *testing.T, files map[string]string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for name, content := range files {
		folder, file, _ := strings.Cut(name, "/")
		table, isJSON := strings.CutSuffix(file, ".json")
		if _, system, _ := strings.Cut(folder, "-"); !isJSON || system != c.system {
			continue
		}
		_, table, _ = strings.Cut(table, "-")
		out[table] = rows(t, content)
	}
	return out
}

// rows are the objects of a JSON file, values in order, as a database prints
// them.
func rows(t *testing.T, content string) []string {
	t.Helper()
	var out []string
	d := json.NewDecoder(strings.NewReader(content))
	d.UseNumber()
	var line []string
	for depth, isKey := 0, false; ; {
		token, err := d.Token()
		if err != nil {
			return out
		}
		switch v := token.(type) {
		case json.Delim:
			if depth == 2 && v == '}' {
				out = append(out, strings.Join(line, " | "))
			}
			if v == '{' || v == '[' {
				depth++
			} else {
				depth--
			}
			line, isKey = nil, true
		default:
			if !isKey {
				line = append(line, printed(v))
			}
			isKey = !isKey
		}
	}
}

// printed is a value as database/sql scans it into a text.
func printed(v json.Token) string {
	if v == nil {
		return "NULL"
	}
	return fmt.Sprint(v)
}
