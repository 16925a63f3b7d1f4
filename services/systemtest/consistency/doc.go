// Package consistency asks three replicas of the consent service, on a log with
// three replicas and a real Redis, while any of them is killed, frozen or
// emptied, and holds every answer against what was decided. All servers are real
// processes; which faults come, and when, follows from a seed that is printed.
//
// The claims:
//
//   - Decisions and fully consistent answers about a person are linearizable:
//     there is an order of them, true to real time, in which each answer is
//     right. The model is the domain's own Decide and Evolve. What became of a
//     call that got no answer stays open, and counts as nothing.
//   - A bounded answer, and one of the Go client's memory, is never older than its
//     bound: a second for the client and for sensitive data; for the rest as
//     long as the policy allows while the log does not answer.
//   - After a fault every replica answers again.
//
// How long it takes until a withdrawal is a no everywhere, and which share of the
// questions got no answer and why, is measured and printed as a table.
//
// Without a tag the campaign has one kill of each kind of server, and two freezes. With the tag
// long (make chaos) it runs for HABEAS_CHAOS_SECONDS, 60 unless set;
// HABEAS_CHAOS_SEED repeats its faults as far as the machine allows.
package consistency
