// Package impersonation plays those who ask in somebody else's name, each attack
// against running services with a real mail server. Beside every attack stands
// its twin: the same steps by the person themselves, or against a tenant without
// the defence, which succeed. So a test fails when its defence is taken away.
package impersonation
