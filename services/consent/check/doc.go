// Package check answers whether something may be done with a person's data. An
// answer is a function of the versions of a policy, of what is known of the
// person, and of the question: nothing else, not even a clock.
//
// The answer is no unless a version says yes and nothing that is known of the
// person forbids it. Whatever the policy doesn't name is a no with a reason:
// a category, a purpose, a source, an action, a ground, a recipient. Every
// answer names the clause and the version that decided.
//
// Several versions may have to say yes. Data is judged by the version under
// which it was collected; a later one may narrow what is done with it, and
// widens only what the person has granted explicitly since.
package check
