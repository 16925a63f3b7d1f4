package conformance_test

func personnel() []promise {
	return []promise{
		{id: "PT-01", show: kindsOfData(personnelTenant)},
		{id: "PT-02", show: declining(personnelTenant, change{"features: [account, text_alerts]", "features: [account]"}, "personal.mobile_phone")},
		{id: "PT-03", show: synced},
		{id: "PT-04", show: asAuthorised},
		{id: "PT-05", show: messagesGo},
		{id: "PT-06", show: neverTogether},
		{id: "PT-07", show: mailAboutTheService},
		{id: "PT-08", show: doNotTrack},
		{id: "PT-09", show: notSold},
		{id: "PT-10", show: ownList},
		{id: "PT-11", show: newsWithPermission},
		{id: "PT-12", show: likePractices},
		{id: "PT-13", show: neverCombined},
		{id: "PT-14", show: nobodyInAggregates},
		{id: "PT-15", show: reasonableNecessity},
		{id: "PT-16", show: keptAtHome},
		{id: "PT-17"},
		{id: "PT-18", show: listedDisclosures},
		{id: "PT-19", show: throughARepresentative},
		{id: "PT-20", show: newController(personnelTenant, provided("personal.name"), change{"    - {kind: successor, notice: true, clause: PT-20, house: true}", "    - {kind: successor, clause: PT-20, house: true}"})},
		{id: "PT-21", show: effectiveOnPosting},
		{id: "PT-22", show: impliedConsent},
		{id: "PT-23", show: inForceAtCollection},
		{id: "PT-24", show: internalPurposesOnly},
		{id: "PT-25", show: shownToConnections},
		{id: "PT-26", show: cookiesImpersonal},
		{id: "PT-27", show: heldUnderThisPolicy},
		{id: "PT-28", show: guarded(personnelTenant, "personal.email")},
	}
}
