package lookup_test

import (
	"testing"

	"habeas.internal/services/internal/seal/rows"
	"habeas.internal/services/internal/seal/sealtest"
)

func TestAValueHasOneOwnerWhateverRaces(t *testing.T) {
	sealtest.ClaimRace{Callers: 64, Values: 1000, Rotations: 2, Crashes: 50}.Run(t, new(rows.Memory))
}
