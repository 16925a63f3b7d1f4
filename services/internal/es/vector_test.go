package es_test

import (
	"bytes"
	"crypto/ed25519"
)

func seedKey() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{0x11}, ed25519.SeedSize))
}

// frozenCommit is a commit's body, key id, signature, subject and types.
const frozenCommit = `0a10000000000000000000000000000000001205636d642d311a02010220012a07636f6e73656e74320274313a06706572736f6e4202733148025220ab000000000000000000000000000000000000000000000000000000000000005a080880f7c4d506100562024e4f6a160a0d636f6e73656e742e676976656e10021801220178` + "\n" +
	`cc5gqlek2e2rhfy6rnliqgvlrm` + "\n" +
	`VPmfPOl+jI58ZmNvxLsdImawAGnJ2TLlKARcXwvnKFxDVoD6wNiQIKLHppaqUtFfCM8Ff6iNAkM35XlhRq75Cg` + "\n" +
	`habeas.ev.consent.9e.t1.person.s1` + "\n" +
	`consent.given.v2`
