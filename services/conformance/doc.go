// Package conformance holds one test for each promise of the three published
// policies, by the ids of docs/promises.md. A test is made of twins, two cases
// that differ in one fact, and reads what happened from the log and from the
// systems. A promise without a test is reported as not yet kept; it never
// passes.
package conformance
