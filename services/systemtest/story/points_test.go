//go:build !long

package story_test

// everyPoint says whether the steps that differ less from others are cut off too.
const everyPoint = false
