package story_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// number is a customer of the music shop by their number.
func (w *world) number(t *testing.T, id int) customer {
	t.Helper()
	is := "customer_id = " + strconv.Itoa(id)
	row := strings.Split(w.chinook.Rows(t, "SELECT email, first_name || ' ' || last_name, phone FROM customer WHERE "+is)[0], " | ")
	c := customer{
		system: "chinook", db: w.chinook, email: row[0], traces: []string{row[0]},
		mine: map[string]string{
			"customer": is, "invoice": is, "invoice_line": "invoice_id IN (SELECT invoice_id FROM invoice WHERE " + is + ")",
		},
		kept: "SELECT invoice_id, invoice_date, total FROM invoice WHERE " + is + " ORDER BY 1",
		shown: map[string]string{
			"customer": `SELECT customer_id, first_name, last_name, company, address, city, state, country, postal_code, phone, fax, email,
				support_rep_id FROM customer WHERE ` + is,
			"invoice": `SELECT invoice_id, customer_id, invoice_date, billing_address, billing_city, billing_state, billing_country,
				billing_postal_code, total FROM invoice WHERE ` + is + " ORDER BY invoice_id",
			"invoice_line": `SELECT invoice_line_id, invoice_id, track_id, unit_price, quantity FROM invoice_line
				WHERE invoice_id IN (SELECT invoice_id FROM invoice WHERE ` + is + ") ORDER BY invoice_line_id",
		},
	}
	if row[2] != "NULL" {
		c.traces = append(c.traces, row[2])
	}
	return c
}

// TestAnErasureThatIsCutOffEndsTheSame kills the service by SIGKILL at each
// named step, starts it again, and expects what an undisturbed erasure does.
func TestAnErasureThatIsCutOffEndsTheSame(t *testing.T) {
	w := newWorld(t)
	program := w.program(t)
	points := crashPoints()
	for i, point := range points.ofAnAccess {
		t.Run(point, func(t *testing.T) { w.anAccessEndsTheSame(t, program, point, w.number(t, 50+i)) })
	}
	for i, point := range points.atOnce {
		t.Run(point, func(t *testing.T) {
			c := w.number(t, 10+i)
			others, kept := c.db.Checksums(t, c.mine), c.db.Rows(t, c.kept)
			request := w.killedAt(t, program, point, fulfilmentv1.Right_RIGHT_ERASURE, c)
			again := w.Launch("fulfilment", program)
			defer again.Kill()
			c.isGone(t, w.Closed(tenant, request), others, kept)
			c.askedAgain(t, w)
		})
	}
	t.Run("with a permit", func(t *testing.T) {
		type erasure struct {
			customer
			request string
			kept    []string
		}
		var all []erasure
		for i, point := range points.afterPermit {
			c := w.number(t, 30+i)
			e := erasure{customer: c, kept: c.db.Rows(t, c.kept)}
			e.request = w.killedAt(t, program, point, fulfilmentv1.Right_RIGHT_ERASURE, c)
			all = append(all, e)
		}
		mine := map[string]string{}
		for table := range all[0].mine {
			var conditions []string
			for _, e := range all {
				conditions = append(conditions, e.mine[table])
			}
			mine[table] = strings.Join(conditions, " OR ")
		}
		others := w.chinook.Checksums(t, mine)
		again := w.Launch("fulfilment", program)
		defer again.Kill()
		for _, e := range all {
			closed := w.Closed(tenant, e.request)
			e.mine = mine
			e.isGone(t, closed, others, e.kept)
		}
	})
}

// killedAt files a request and returns when fulfilment was killed at a step
// of it.
func (w *world) killedAt(t *testing.T, program, point string, right fulfilmentv1.Right, c customer) (request string) {
	t.Helper()
	w.Register(tenant, c.email)
	doomed := w.Launch("fulfilment", program, "TEST_CRASH_AT="+point)
	before := w.Mail.Count(c.email)
	request = w.Submit(tenant, right, policy, c.email)
	if point == "verification_asked" {
		doomed.Killed(t)
		doomed = w.Launch("fulfilment", program, "TEST_CRASH_AT=docket_left")
	}
	w.VerifyBy(doomed, tenant, request, c.email, before)
	doomed.Killed(t)
	return request
}

// askedAgain erases the same person a second time: nothing is held, nothing
// changes.
func (c customer) askedAgain(t *testing.T, w *world) {
	t.Helper()
	before := c.db.Checksums(t, nil)
	w.Register(tenant, c.email)
	again := w.Closed(tenant, w.Ask(tenant, fulfilmentv1.Right_RIGHT_ERASURE, policy, c.email))
	if again.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_NOTHING_HELD {
		t.Errorf("the second erasure ended as %v", again.GetOutcome())
	}
	if after := c.db.Checksums(t, nil); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Error("the second erasure changed something")
	}
}

// TestAHoldBetweenManifestAndLeafIsHonoured places a hold while the service is
// down, after it had committed the manifest and before it touched anything.
func TestAHoldBetweenManifestAndLeafIsHonoured(t *testing.T) {
	w := newWorld(t)
	program := w.program(t)
	c := helena(w)
	person := w.Register(tenant, c.email)
	untouched := c.db.Checksums(t, nil)
	others, kept := c.db.Checksums(t, c.mine), c.db.Rows(t, c.kept)
	doomed := w.Launch("fulfilment", program, "TEST_CRASH_AT=located")
	request := w.Ask(tenant, fulfilmentv1.Right_RIGHT_ERASURE, policy, c.email)
	doomed.Killed(t)
	dpo := w.As(tenant, "dpo").Retention
	hold, err := dpo.PlaceHold(stack.Deadline(t), &retentionv1.PlaceHoldRequest{
		RequestId: uuid.NewString(), SubjectRef: person, Ground: "legal_claim", Authority: "case 7731",
		ReviewAt: timestamppb.New(time.Now().AddDate(0, 6, 0)),
	})
	if err != nil || !hold.GetEffective() {
		t.Fatalf("place hold: effective %v, %v", hold.GetEffective(), err)
	}
	again := w.Launch("fulfilment", program)
	defer again.Kill()
	w.Until(tenant, request, "held", func(r *fulfilmentv1.Request) bool {
		held := false
		for _, l := range r.GetLeaves() {
			held = held || l.GetReason() == "PERSON_ON_HOLD"
		}
		return held && r.GetState() == fulfilmentv1.RequestState_REQUEST_STATE_RUNNING
	})
	why, err := w.As(tenant, "agent").Requests.ExplainRequest(stack.Deadline(t), &fulfilmentv1.ExplainRequestRequest{Request: request})
	if err != nil || why.GetNextActor() != "retention" {
		t.Errorf("under a hold %q must act on %q, %v", why.GetNextActor(), why.GetAwaited(), err)
	}
	if after := c.db.Checksums(t, nil); fmt.Sprint(after) != fmt.Sprint(untouched) {
		t.Error("the hold did not keep the rows")
	}
	if _, err := dpo.ReleaseHold(stack.Deadline(t), &retentionv1.ReleaseHoldRequest{
		RequestId: uuid.NewString(), SubjectRef: person, Hold: hold.GetHold(),
	}); err != nil {
		t.Fatal(err)
	}
	c.isGone(t, w.Closed(tenant, request), others, kept)
}
