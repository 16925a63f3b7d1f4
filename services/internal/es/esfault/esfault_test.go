package esfault_test

import (
	"testing"

	"habeas.internal/services/internal/es/esfault"
	"habeas.internal/services/internal/rpc/rpctest"
)

func TestEveryErrorOfTheLogHasARow(t *testing.T) {
	rpctest.TableCovers(t, esfault.Table(), "..",
		// These stop a process at its start or halt a reader; no handler meets them.
		"ErrMissingStream", "ErrConfiguration", "ErrUntrusted", "ErrMoved", "ErrUnprojectable",
		// What went wrong inside is Internal to the caller.
		"CorruptError", "UnknownEventError")
}
