// Package holder is a product team's side of a request. Data that lies behind a
// service of the team's, where no database connection of Habeas reaches, is found,
// shown and erased by this service: the team writes [Data], a few functions over its
// own store, and [NewServer] does the rest.
//
// The package counts, makes the digests, compares what is there with what was judged,
// takes what is to go row by row or field by field, reads it again before the
// commit, and waits for leave to commit. What it is given to change it never
// logs, and no text of an error leaves it.
package holder
