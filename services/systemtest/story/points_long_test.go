//go:build long

package story_test

const everyPoint = true
