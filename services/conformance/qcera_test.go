package conformance_test

func qcera() []promise {
	return []promise{
		{id: "QC-01", show: anonymousVisit},
		{id: "QC-02", show: leaveKinds},
		{id: "QC-03", show: orderedByTheClient},
		{id: "QC-04", show: explicitConsentOnly},
		{id: "QC-05", show: saysHowToStop},
		{id: "QC-06", show: allowedCookies},
		{id: "QC-07", show: helpersOnly},
		{id: "QC-08", show: lawRightsOrSafety},
		{id: "QC-09", show: sevenPrinciples},
		{id: "QC-10", show: noneUnderThirteen},
		{id: "QC-11", show: onlineOnly},
		{id: "QC-12", show: modificationDates},
		{id: "QC-13", show: storedSafely},
		{id: "QC-14", show: usingTheSite},
		{id: "QC-15", show: fiveUses},
		{id: "QC-16", show: basicRights},
	}
}
