package wire_test

import (
	"bytes"
	"testing"

	"habeas.internal/services/identity/agent"
	"habeas.internal/services/identity/internal/wire"
	"habeas.internal/services/identity/mandate"
	"habeas.internal/services/internal/personal"
)

func TestAgentsEventsStayReadable(t *testing.T) {
	codec, err := wire.Agent()
	key, year := bytes.Repeat([]byte{7}, 32), noon.AddDate(1, 0, 0)
	corpus(t, agent.AggregateType, codec, err, []agent.Event{
		agent.Registered{ID: "ACME", Name: "Acme Agents", Web: "https://acme.example", PerDay: 10, Public: key, From: noon, Until: year, By: other, At: noon},
		agent.KeyRotated{ID: "ACME", Number: 2, Public: key, From: noon, Until: year, FormerUntil: noon, By: other, At: noon},
		agent.WasSuspended{ID: "ACME", Reason: "complaints", By: other, At: noon},
		agent.Reinstated{ID: "ACME", By: other, At: noon},
		agent.WasRemoved{ID: "ACME", Reason: "contract_ended", By: other, At: noon},
		agent.Refused{ID: "ACME", Reason: "AGENT_EXISTS", By: other},
	})
}

func TestMandatesEventsStayReadable(t *testing.T) {
	codec, err := wire.Mandate()
	digest := bytes.Repeat([]byte{7}, 32)
	corpus(t, mandate.AggregateType, codec, err, []mandate.Event{
		mandate.Used{
			Agent: "ACME", Request: ref, Exercise: mandate.OptOut, Regime: mandate.Regime, IssuedAt: noon, ExpiresAt: noon, Key: 1, Digest: digest,
			Permission: "form:7", Level: 1, Claims: []mandate.Claim{{Kind: 1, Value: personal.Clear("jane@example.com")}}, At: noon,
		},
		mandate.Refused{Agent: "ACME", Request: ref, Reason: "AGENT_REQUEST_REPLAYED", Key: 1, Digest: digest, At: noon},
		mandate.Applied{People: 1, At: noon},
	})
}
