package impersonation_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"os"
	"strings"
	"testing"
	"time"

	"habeas.internal/services/internal/drp"
)

// example is the worked example of docs/agents.md. Its key is nobody's.
const example = `{"agent-id":"EXAMPLE_AGENT","business-id":"caseworks","issued-at":"2026-11-22T12:00:00Z","expires-at":"2026-11-22T12:10:00Z",` +
	`"agent-request-id":"2026-0001","drp.version":"1.0","exercise":"deletion","regime":"ccpa","name":"Jane Doe",` +
	`"email":"jane@example.com","email_verified":true}`

// TestTheExampleOfTheDocumentationIsTrue: the page has the key, the JSON and the
// message that they make, letter by letter, and the message is read as it says.
func TestTheExampleOfTheDocumentationIsTrue(t *testing.T) {
	page, err := os.ReadFile("../../../docs/agents.md")
	if err != nil {
		t.Fatal(err)
	}
	seed := make([]byte, ed25519.SeedSize)
	for i := range seed {
		seed[i] = byte(i)
	}
	key := ed25519.NewKeyFromSeed(seed)
	public, _ := key.Public().(ed25519.PublicKey)
	message := drp.Seal(key, []byte(example))
	for what, text := range map[string]string{
		"public key": base64.StdEncoding.EncodeToString(public), "JSON": example, "message": message,
	} {
		if !strings.Contains(string(page), text) {
			t.Errorf("the page lacks the %s:\n%s", what, text)
		}
	}
	s, err := drp.Open(message)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Parse()
	if err != nil {
		t.Fatal(err)
	}
	if !s.By(public) || r.AgentID != "EXAMPLE_AGENT" || r.ExpiresAt.Sub(r.IssuedAt) != 10*time.Minute {
		t.Errorf("it is read as %+v", r)
	}
}

// TestThePageNamesEveryRefusal with what the protocol calls it.
func TestThePageNamesEveryRefusal(t *testing.T) {
	page, err := os.ReadFile("../../../docs/agents.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, reason := range []string{
		"AGENT_UNKNOWN", "AGENT_SIGNATURE_INVALID", "AGENT_MISMATCH", "AGENT_BUSINESS_MISMATCH", "AGENT_KEY_NOT_IN_FORCE", "AGENT_SUSPENDED",
		"AGENT_REMOVED", "AGENT_REQUEST_WINDOW", "AGENT_REQUEST_EARLY", "AGENT_REQUEST_EXPIRED", "AGENT_REQUEST_REPLAYED",
		"AGENT_EXERCISE_UNSUPPORTED", "AGENT_REGIME_UNSUPPORTED", "RATE_LIMITED",
	} {
		s, fatal := drp.Refused(reason)
		again := "no"
		if !fatal {
			again = "later"
		}
		if row := "| `" + reason + "` | `" + s.Status + "` / `" + s.Reason + "` | " + again + " |"; !strings.Contains(string(page), row) {
			t.Errorf("the page lacks the row\n%s", row)
		}
	}
}
