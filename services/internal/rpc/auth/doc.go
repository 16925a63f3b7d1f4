// Package auth turns a bearer token into who is calling.
//
// A token is a JWT signed with EdDSA, ES256 or RS256, from one issuer, for one
// audience, with an end. It names a tenant, an actor and roles. The actor (sub)
// must be a pseudonym: it is written into the log, so an identity provider must
// be set to give opaque or pairwise subjects; a subject that looks like an
// address is refused.
//
// Checking a signature costs more than everything else in a call together, so
// a token is checked once and remembered until it ends. What is remembered is
// bound to the key that signed it: when a key leaves the key set, so does every
// token that it signed. Tokens are remembered by their SHA-256, never by
// themselves, and refusals are not remembered at all.
package auth
