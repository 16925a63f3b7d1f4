// Package policydoc reads privacy policies that are written down as data: which
// data, for which purposes, on which basis, kept until when, and which published
// clause promises it. The format is YAML and described in docs/policies.md.
//
// Reading is strict. A key that nobody knows, a key that stands twice, an alias,
// a value of the wrong kind, a document that is too large or too deep are errors
// with path and line. What was read is held against the rules of policies by
// Lint, which lists every problem and not only the first.
//
// The package also holds the three policies that are published with Habeas.
package policydoc
