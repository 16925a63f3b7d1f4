// Package consent asks whether something may be done with a person's data, and
// answers from memory where it can. Product teams import it.
//
// A question that was not asked before goes to the consent service, fully
// consistent. Its answer is kept until the service says that the person or a
// policy has changed, or until the answer ends by itself. While Run has not
// heard from the service for longer than the bound, nothing is answered from
// memory: each question goes to the service, and without the service there is no
// answer. No answer is no permission: who gets an error must not go on.
//
// Kept are questions about the present that name no recipient, about people who
// have one reference. Whoever gives data away asks and records in one step, with
// DisclosureService.Disclose.
package consent
