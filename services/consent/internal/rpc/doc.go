// Package rpc answers consent's calls: decode, handle, encode. What a policy or
// a person says is read from the log's leader, which has to prove that it leads
// before an answer is given.
package rpc
