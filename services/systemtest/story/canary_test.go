package story_test

import (
	"strings"
	"testing"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/systemtest/canary"
	"habeas.internal/services/systemtest/stack"
)

// planted are values that exist nowhere else.
func planted() []string {
	return []string{"Quarkbottom", "wq.planted-7731@example.invalid", "5550177319", "Plantation Row 77"}
}

// plant gives them to a customer of the music shop.
func plant(t *testing.T, w *world) {
	t.Helper()
	p := planted()
	w.chinook.Run(t, `UPDATE customer SET last_name = $1, email = $2, phone = $3, address = $4 WHERE customer_id = 8`, p[0], p[1], p[2], p[3])
}

// showAndErase takes somebody through access and erasure and returns what the
// package held.
func (w *world) showAndErase(email string) string {
	w.Register(tenant, email)
	access := w.Closed(tenant, w.Ask(tenant, fulfilmentv1.Right_RIGHT_ACCESS, policy, email))
	unpacked := strings.Join(values(w.Package(tenant, access.GetRequest())), "\n")
	w.Closed(tenant, w.Ask(tenant, fulfilmentv1.Right_RIGHT_ERASURE, policy, email))
	return unpacked
}

// nowhere looks for the planted values in everything that Habeas wrote or sent
// but for the mail itself.
func (w *world) nowhere(t *testing.T, unpacked string, places map[string][]byte) {
	for _, v := range planted() {
		if !strings.Contains(unpacked, v) {
			t.Fatalf("the package lacks %q: there would be nothing to find", v)
		}
	}
	isNowhere(t, w.Stack, planted(), places)
}

func values(m map[string]string) []string {
	var out []string
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// isNowhere stops the log and looks for values in its files, in all that the
// services have written, and in other places.
func isNowhere(t *testing.T, s *stack.Stack, texts []string, places map[string][]byte) {
	t.Helper()
	places["logs"] = []byte(s.Logs.String())
	s.NATS.Stop()
	canary.Files(t, places, s.Dir, s.NATS.Dir())
	canary.Nowhere(t, texts, places)
}
