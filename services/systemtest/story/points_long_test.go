//go:build long

package story_test

func moreCrashPoints() (atOnce, afterPermit []string) {
	return []string{"verification_asked", "before_manifest", "consent_told", "notice_drafted", "docket_left", "key_destroyed"},
		[]string{"permit_ended"}
}
