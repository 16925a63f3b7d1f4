// Package chaos ends, freezes and damages the servers of the event log while
// it is in use, and compares what clients were told with what the log holds
// afterwards.
package chaos
