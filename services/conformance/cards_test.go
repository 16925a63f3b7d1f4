package conformance_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	"habeas.internal/services/audit"
	"habeas.internal/services/internal/rpc/rpctest"
	"habeas.internal/services/internal/testwait"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// A number as an issuer gives it out, and one that differs in the last digit,
// which does not fit.
const (
	cardNumber   = "4539578763621486"
	noCardNumber = "4539578763621487"
)

// reasonCard is why a card number is refused.
const reasonCard = "PAYMENT_CARD_NUMBER"

// disguised are forms in which somebody gives a number.
func disguised(number string) []string {
	spread := number[:4] + "%s" + number[4:8] + "%s" + number[8:12] + "%s" + number[12:]
	out := []string{number, "my card: " + number + ", thanks", "https://pay.example/?pan=" + number}
	for _, sep := range []string{" ", "-", ".", "\u00a0", "\u2009", "\u200b", "\r\n", "%20"} {
		out = append(out, fmt.Sprintf(spread, sep, sep, sep))
	}
	return append(out, strings.Map(func(c rune) rune { return c - '0' + '\uff10' }, number), strings.Map(func(c rune) rune { return c - '0' + '\u0660' }, number))
}

// billingHolder is the system that charges people.
func billingHolder(t testing.TB, s *stack.Stack) *holder {
	t.Helper()
	return newHolder(t, s, "cw-02", "billing", "account.email", "billing.token", "billing.address", "billing.card_last4", "communication.other")
}

// cardNumbers shows CW-02: a full card number is taken in by no call, and shown to
// nobody. Token, billing address and last four digits are held and shown.
func cardNumbers(t *testing.T, w *world) {
	tenant := w.tenantOf(caseworksTenant)
	w.schedule(tenant, caseworksTenant)
	w.billing.joins(w, tenant)
	w.Employ(tenant, "case.handling")
	w.refusesEverywhere(tenant)
	w.registersNoCard(tenant)
	jane, john := uuid.NewString()+"@people.example", uuid.NewString()+"@people.example"
	held := w.bills(jane, "please charge 4539 5787 6362 1486 instead")
	w.bills(john, "please charge 4539 5787 6362 1487 instead")
	shown, request := w.shows(tenant, jane)
	if request.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_COMPLETE || w.masked(request) != 1 {
		t.Errorf("the request ended as %v, %d numbers masked", request.GetOutcome(), w.masked(request))
	}
	for _, want := range append(held, "please charge **** **** **** 1486 instead") {
		if !strings.Contains(shown, want) {
			t.Errorf("the package lacks %q", want)
		}
	}
	for _, form := range disguised(cardNumber) {
		if strings.Contains(shown, form) {
			t.Errorf("the package shows %q", form)
		}
	}
	shown, request = w.shows(tenant, john) // the one digit that differs
	if !strings.Contains(shown, "please charge 4539 5787 6362 1487 instead") || w.masked(request) != 0 {
		t.Errorf("what is no card number is masked: %d", w.masked(request))
	}
	w.Closed(tenant, w.Ask(tenant, fulfilmentv1.Right_RIGHT_ERASURE, caseworksTenant, jane))
	if where := w.billing.db.Find(t, held[0], "4539 5787 6362 1486"); len(where) > 0 {
		t.Errorf("after the erasure the token or the letter is still in %v", where)
	}
	if where := w.billing.db.Find(t, held[1]); len(where) != 1 {
		t.Errorf("the address of a settled charge is in %v", where)
	}
	places := w.places()
	for _, form := range disguised(cardNumber)[3:] {
		if where := found(places, form); len(where) > 0 {
			t.Errorf("%q is in %v", form, where)
		}
	}
	if where := found(places, cardNumber); len(where) > 0 {
		t.Errorf("the number is in %v", where)
	}
}

// bills puts somebody into the billing system, with a letter of theirs, and
// returns token, address and last four digits.
func (w *world) bills(email, letter string) []string {
	w.Helper()
	held := []string{"tok_" + uuid.NewString(), "1 " + uuid.NewString() + " Street", "1486"}
	w.billing.db.Run(w, "INSERT INTO held (address, c_billing_token, c_billing_address, c_billing_card_last4, c_communication_other) VALUES (?, ?, ?, ?, ?)",
		email, held[0], held[1], held[2], letter)
	return held
}

// shows takes somebody through an access and returns what the package shows.
func (w *world) shows(tenant, email string) (string, *fulfilmentv1.Request) {
	w.Helper()
	w.Register(tenant, email)
	r := w.Closed(tenant, w.Ask(tenant, fulfilmentv1.Right_RIGHT_ACCESS, caseworksTenant, email))
	machines, people := w.forms(w.Package(tenant, r.GetRequest()), []*holder{w.billing})
	return machines + people, r
}

// masked is how many card numbers a request says to have masked.
func (w *world) masked(r *fulfilmentv1.Request) (n uint64) {
	for _, l := range r.GetLeaves() {
		n += l.GetCardsMasked()
	}
	return n
}

// registersNoCard: an account that is known by a card number is not registered,
// and the log tells of nothing; by a number that differs in a digit it is.
func (w *world) registersNoCard(tenant string) {
	w.Helper()
	register := func(value string) (err error) {
		req := &identityv1.RegisterSubjectRequest{
			RequestId:   uuid.NewString(),
			Identifiers: []*identityv1.Identifier{{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_ACCOUNT, Value: value}},
		}
		testwait.For(w, time.Minute, func() error { // a busy machine's limiter may not answer in time
			if _, err = w.As(tenant, "product").Subjects.RegisterSubject(stack.Deadline(w), req); status.Code(err) == codes.Unavailable {
				return err
			}
			return nil
		})
		return err
	}
	before := len(w.Replay(audit.Filter{Tenant: tenant}))
	for _, form := range disguised(cardNumber) {
		if code, reason, _ := stack.Answer(register(form)); code != codes.InvalidArgument || reason != reasonCard {
			w.Errorf("an account %q: %v %s", form, code, reason)
		}
	}
	if after := len(w.Replay(audit.Filter{Tenant: tenant})); after != before {
		w.Errorf("the log tells %d things more", after-before)
	}
	if err := register(noCardNumber); err != nil {
		w.Errorf("an account by what is no card number: %v", err)
	}
	if after := len(w.Replay(audit.Filter{Tenant: tenant})); after == before {
		w.Error("the log does not tell of an account that was registered")
	}
}

// refusesEverywhere gives every field of every method that people may call a card
// number and a number that is none: the first is refused for what it is, the
// second never is.
func (w *world) refusesEverywhere(tenant string) {
	w.Helper()
	tried := map[string]int{}
	for _, service := range []string{"identity", "consent", "retention", "fulfilment"} {
		conn := w.Conn(service, w.everyRole(tenant))
		for _, m := range methods(protoreflect.FullName("habeas." + service + ".v1")) {
			for _, f := range textFields(m.Input()) {
				for number, refused := range map[string]bool{cardNumber: true, noCardNumber: false} {
					path := "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
					err := conn.Invoke(stack.For(stack.Deadline(w), "case.handling"), path, with(m.Input(), f, number), dynamicpb.NewMessage(m.Output()))
					code, reason, _ := stack.Answer(err)
					if code == codes.Unimplemented && reason == "" { // in the contract, and not served
						continue
					}
					if (reason == reasonCard) != refused {
						w.Errorf("%s with %s in %s: %s", path, number, f.Name(), reason)
					}
				}
				tried[service]++
			}
		}
		if tried[service] < 5 {
			w.Errorf("%d fields of %s were tried", tried[service], service)
		}
	}
	w.Logf("fields tried: %v", tried)
}

// everyRole is a token of somebody who may call whatever people may call.
func (w *world) everyRole(tenant string) string {
	var roles []string
	for number, name := range optionsv1.Role_name {
		if number != 0 && number != int32(optionsv1.Role_ROLE_SERVICE) {
			roles = append(roles, strings.ToLower(strings.TrimPrefix(name, "ROLE_")))
		}
	}
	slices.Sort(roles)
	claims := rpctest.With(rpctest.Claims(time.Now(), roles...), "tenant", tenant)
	claims = rpctest.With(rpctest.With(claims, "acr", "phr"), "auth_time", time.Now().Unix())
	return w.Issuer.Sign(rpctest.With(claims, "exp", time.Now().Add(time.Hour).Unix()))
}

// methods are those of a package that take one message and that people may call.
func methods(pkg protoreflect.FullName) []protoreflect.MethodDescriptor {
	var out []protoreflect.MethodDescriptor
	protoregistry.GlobalFiles.RangeFilesByPackage(pkg, func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			all := file.Services().Get(i).Methods()
			for j := range all.Len() {
				access, _ := proto.GetExtension(all.Get(j).Options(), optionsv1.E_Access).(*optionsv1.Access)
				people := slices.ContainsFunc(access.GetRoles(), func(r optionsv1.Role) bool { return r != optionsv1.Role_ROLE_SERVICE })
				if people && !all.Get(j).IsStreamingClient() && !all.Get(j).IsStreamingServer() {
					out = append(out, all.Get(j))
				}
			}
		}
		return true
	})
	return out
}

// textFields are the fields of a message that hold one text or bytes.
func textFields(d protoreflect.MessageDescriptor) []protoreflect.FieldDescriptor {
	var out []protoreflect.FieldDescriptor
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if (f.Kind() == protoreflect.StringKind || f.Kind() == protoreflect.BytesKind) && f.Cardinality() != protoreflect.Repeated {
			out = append(out, f)
		}
	}
	return out
}

// with is a message with a text in one field.
func with(d protoreflect.MessageDescriptor, f protoreflect.FieldDescriptor, text string) proto.Message {
	m := dynamicpb.NewMessage(d)
	if f.Kind() == protoreflect.BytesKind {
		m.Set(f, protoreflect.ValueOfBytes([]byte("number: "+text)))
	} else {
		m.Set(f, protoreflect.ValueOfString(text))
	}
	return m
}
