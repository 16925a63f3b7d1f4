package keyledger

import (
	"habeas.internal/services/identity/internal/wire"
	"habeas.internal/services/identity/kek"
	"habeas.internal/services/identity/keyring"
	"habeas.internal/services/identity/pepper"
	"habeas.internal/services/internal/es"
)

type (
	keyrings = es.Handler[keyring.Keyring, keyring.Command, keyring.Event]
	keks     = es.Handler[kek.Epochs, kek.Command, kek.Event]
	peppers  = es.Handler[pepper.Epochs, pepper.Command, pepper.Event]
)

// digester has no key. No command here is a client's, so nothing is digested:
// the state knows every end that was ever recorded, not only the last ones.
// And nothing in these commands is personal.
func digester() es.Digester { return es.KeyedDigester(nil) }

func newKeyrings(cfg Config) (keyrings, error) {
	registry, err := wire.Keyring()
	return keyrings{
		Store: cfg.Log, Verifier: cfg.Verifier, Digester: digester(), Tracer: cfg.Tracer, Random: cfg.Random,
		Registry: registry, Decide: keyring.Decide, Evolve: keyring.Evolve, Encode: wire.EncodeKeyring,
		Refuse: func(reason string) error { return keyring.Refusal(reason) },
	}, err
}

func newKEKs(cfg Config) (keks, error) {
	registry, err := wire.KEK()
	return keks{
		Store: cfg.Log, Verifier: cfg.Verifier, Digester: digester(), Tracer: cfg.Tracer, Random: cfg.Random,
		Registry: registry, Decide: kek.Decide, Evolve: kek.Evolve, Encode: wire.EncodeKEK,
		Refuse: func(reason string) error { return kek.Refusal(reason) },
	}, err
}

func newPeppers(cfg Config) (peppers, error) {
	registry, err := wire.Pepper()
	return peppers{
		Store: cfg.Log, Verifier: cfg.Verifier, Digester: digester(), Tracer: cfg.Tracer, Random: cfg.Random,
		Registry: registry, Decide: pepper.Decide, Evolve: pepper.Evolve, Encode: wire.EncodePepper,
		Refuse: func(reason string) error { return pepper.Refusal(reason) },
	}, err
}
