// Package recipient decides what is agreed with an organisation that is to get
// data. Whether it may get any is check's question.
package recipient
