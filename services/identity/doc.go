// Package identity is the service that says who is asking, and how we know.
// Today it owns what the log tells of keys: that they have ended. Each
// aggregate has a folder with its rules, pure; internal/wire is the stored
// form of their events; keyledger is through what the vault records them.
//
// Aggregates and rules:
//
//   - keyring, one a holder: each class of key ends once. That it ended again
//     is no news; that another key ended in its place is refused.
//   - kek, one a partition: the epochs of key-encryption keys end in order,
//     each once.
//   - pepper, one a purpose: the epochs of peppers end in order, each once.
//
// It owns the streams of the context identity. No event of it holds personal
// data: holders are random references, keys are named by commitment. It never
// makes, holds or ends a key; the vault does, and the log tells of it. What
// was recorded is never taken back, so that a vault which was restored from a
// backup can be told what it must not serve.
package identity
