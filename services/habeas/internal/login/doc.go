// Package login gets a person's token for the command line: by the authorization
// code flow with PKCE, in the person's own browser, with a redirect to a port of
// this machine (RFC 8252). It keeps what it got in the person's own folder, and
// renews it when it is used.
//
// What the issuer says is checked before anything is kept: state, nonce, the
// issuer's name in the answer, the ID token's signature by a pinned algorithm,
// and that the access token belongs to it. No token and no answer of the issuer
// is ever part of an error's text.
package login
