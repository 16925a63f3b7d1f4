// Package daemon is what every Habeas daemon has before it has anything of its
// own: configuration, a logger, telemetry, health, identities, and an orderly
// life.
//
// A daemon's Run starts a Kit from its configuration, builds its parts by hand,
// and gives them to Kit.Run. Parts start in the order given. When one of them
// fails, or the context ends, the daemon is first made not ready, then the
// parts are stopped in the reverse order, so that what answers callers stops
// before what it needs, all within one grace. Nothing here exits the process or
// touches a global; several daemons can live in one process.
//
// A part that must not go on, because what it reads cannot be trusted any more,
// returns Halt. The process then ends with an error of its own kind, for which
// ExitCode has a code of its own, so that a supervisor can leave it down.
package daemon
