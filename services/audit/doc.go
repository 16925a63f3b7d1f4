// Package audit reads the whole event log and shows what happened, to whom it
// may concern.
//
// It needs the log and the log's public key, and nothing else: no service, no
// read model, no key of a person. What is sealed stays sealed and is shown as
// that, with the holder whose key it is under. While it reads it verifies: every
// sequence is there, every commit chains to the one before of its aggregate, and
// is signed by a key that the log announced. What does not hold ends the reading
// with an error that names the place.
//
// It appends nothing.
package audit
