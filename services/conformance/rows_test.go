package conformance_test

import "slices"

// promises are all rows, in the order of docs/promises.md.
func promises() []promise {
	return slices.Concat(caseworks(), personnel(), qcera())
}
