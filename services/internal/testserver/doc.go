// Package testserver runs real servers for tests: NATS inside the process, as
// a process of its own and as a cluster of three, Redis, PostgreSQL, MariaDB, and
// a proxy that loses what a network can lose.
//
// Every server listens on a free loopback port, keeps its files in a folder of
// the test, and is gone when the test ends. What it printed is shown only if
// the test fails. A server program that is not installed fails the test and
// says what to install; nothing is skipped.
package testserver
