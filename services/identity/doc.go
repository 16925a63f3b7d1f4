// Package identity is the service that says who is asking, and how we know. It
// keeps people's identifiers, verifies who is behind a request, and holds every
// key: the other services borrow keys from it and hold none of their own. Each
// aggregate has a folder with its rules, pure; internal/wire is the stored form
// of their events; identityd wires it all.
//
// Aggregates, states and rules:
//
//   - tenant: a separate world, made once under an id that its creator chooses.
//     A call for a tenant that does not exist is refused, whatever it asks.
//   - subject, one a person: unknown, active, forgetting, forgotten. A person
//     holds at least one identifier, and each identifier has one holder. An
//     analytics identifier (a cookie) is never joined with another. Whoever is
//     forgotten holds nothing, ever after. Being shown identifiers in clear is
//     an event, written before they are shown.
//   - verification: open, passed or failed. A code of eight digits goes to an
//     address that the person was known by before; five attempts, 15 minutes,
//     once. One for somebody unknown is like any other and can't be passed.
//   - keyring, one a holder: each class of key ends once. That it ended again
//     is no news; that another key ended in its place is refused.
//   - kek, one a partition: the epochs of key-encryption keys end in order,
//     each once.
//   - pepper, one a purpose: the epochs of peppers end in order, each once.
//
// Beside the log lie rows that can be destroyed: keys, wrapped; lookup rows, by
// which a value leads to its holder; the suppression set. internal/registry
// keeps subjects and lookup rows together: claim, event, confirmation; and to
// forget: event, rows, key behind the fence, event. What the log and a row say
// may differ after a crash or a restore; then the log decides.
//
// It owns the streams of the context identity. Personal data in its events is
// sealed: values under the person's profile key, codes under the evidence key
// of the request that waits. It never answers a question about somebody by
// saying whether they are known, but to those whose role it is to ask; never
// sends a code to a channel that came with the request; and never hands out a
// key before it has replayed what the log tells of destructions, nor without
// noting who asked and why.
package identity
