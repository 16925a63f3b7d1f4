// Package policy is a published privacy policy through its versions.
//
// States of a version: published, posted. Rules: versions are numbered from 1
// without a hole and never change; they are posted in order, each with the text
// that the document stands for, and decide nothing before. What a rule forbids
// on a known policy is recorded.
package policy
