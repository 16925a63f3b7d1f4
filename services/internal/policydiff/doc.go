// Package policydiff says in words what changes for a person between two
// versions of a policy, and whether the change reduces rights.
//
// Every key of a policy is ordered by how well it protects people: fewer
// recipients protect more than many, consent more than a way out, a short period
// more than a long one. A change is more protective, less protective, or neither:
// what can't be compared counts as a reduction, because nobody can promise that
// it is none. There is no tolerance, and nothing is weighed against anything: a
// version that improves ten things and reduces one reduces.
//
// A change that takes effect only by a person's explicit consent reduces nothing.
package policydiff
