// Package jetstream is the event log on NATS JetStream: the store behind
// es.Store, and what reads it. It and natsd are the only packages that know
// NATS.
//
// Streams. Each context has N shards, HABEAS_<CONTEXT>_<kk>; each shard owns a
// contiguous range of the 256 partitions and syncs on its own. A log stream
// refuses deletes and purges, has no limits, and begins with a genesis commit
// that names its configuration and the log key. Provision makes streams;
// services only Open them, and refuse to start when one is missing, was
// changed, or belongs to another log.
//
// Readers. A Projector keeps a read model: commits and checkpoint are written
// together, and a gap in the sequence halts it. A Process carries work across
// services: it appends what it decided first and acts then, so that a
// redelivery repeats only what is harmless. Timers are hints that wake a
// process; state decides. What can't be handled is parked by reference and
// can be replayed.
package jetstream
