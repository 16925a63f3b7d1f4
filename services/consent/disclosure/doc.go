// Package disclosure decides what a recipient may be given of a person beside
// what it holds already, and is the register of what each was given, why and by
// which right. Whether the policy, the agreement and the person allow it is
// check's question, asked before.
package disclosure
