// Package systemtest holds stories across everything that runs: real servers,
// real sockets, tokens and certificates, and what an operator would look at
// afterwards: files, logs, spans, metrics, Redis.
package systemtest
