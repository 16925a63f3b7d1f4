// Package access asks every method of every service, as every kind of caller,
// and compares what it is told with matrix.txt, which lies here to be reviewed.
package access
