// Package es is the event store: how a decision becomes durable and how state
// comes back from what was decided.
//
// A command goes through a Handler: load the aggregate's commits, fold them
// into state, decide, append, and on a lost race decide again. One command
// makes one Commit, one commit is one message of a stream, and a message is
// never changed or removed.
//
// What a caller may rely on:
//
//   - Append either returns where the commit stands, or an error after which
//     nothing of it is in the log, or ErrUnknownOutcome; the same command may
//     then be sent again at any later time.
//   - A command with the same id is answered with its first result; with
//     another body it is ErrCommandReused.
//   - A refusal, and an answer that nothing had to be done, are given only
//     after a leader that could prove its leadership confirmed that the
//     decision was made on the aggregate's last commit.
//   - A commit that does not continue its predecessor, or whose signature no
//     announced key made, is a CorruptError: the reader halts and names it.
//
// Two stores exist: Memory, for tests of everything above it, and
// es/jetstream. Package estest holds the suite that both pass.
package es
