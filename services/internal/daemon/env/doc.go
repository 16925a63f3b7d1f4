// Package env reads a daemon's configuration from environment variables into
// one documented struct, and prints that struct as documentation.
//
// A field is a variable when it has an env tag:
//
//	Listen string `env:"LISTEN" default:"127.0.0.1:7400" help:"address for gRPC"`
//
// Its name is the prefix, then the env tags of the structs around it, then its
// own, joined by underscores. The default tag decides whether it must be set: a
// field without one is required. Further tags: oneof (comma separated words),
// min and max (numbers and durations).
//
// Loading is strict. Every problem is reported, not only the first; a variable
// under the prefix that no field reads is a problem, because it is most often a
// spelling mistake. No message holds a value, because a value may be a secret.
package env
