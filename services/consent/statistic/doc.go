// Package statistic decides whether figures about groups of people may leave. A
// figure leaves only if neither it, nor what it leaves over, nor what it adds to
// a figure that left before, tells of fewer people than the policy's minimum.
// Figures come from the system that counted them, never from whoever wants to
// share them.
package statistic
