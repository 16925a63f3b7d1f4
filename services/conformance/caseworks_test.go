package conformance_test

func caseworks() []promise {
	return []promise{
		{id: "CW-01", show: kindsOfData(caseworksTenant)},
		{id: "CW-02", show: cardNumbers},
		{id: "CW-03", show: registrationData},
		{id: "CW-04", show: wayOut},
		{id: "CW-05", show: sensitiveSharing},
		{id: "CW-06", show: declining(caseworksTenant, change{"features: [account, notifications]", "features: [account]"}, "account.email")},
		{id: "CW-07", show: outsideSharing},
		{id: "CW-08", show: newController(caseworksTenant, ask{purpose: "service.provide", category: "log.ip_address", source: "observed"}, change{"    - {kind: successor, notice: true, clause: CW-08}", "    - {kind: successor, clause: CW-08}"})},
		{id: "CW-09", show: groupsOnly},
		{id: "CW-10", show: needToKnow},
		{id: "CW-11", show: withinTheMatrix},
		{id: "CW-12"},
		{id: "CW-13", show: everythingHeld},
		{id: "CW-14"},
		{id: "CW-15", show: provenFirst},
		{id: "CW-16", show: listedReasonsOnly},
		{id: "CW-17"},
		{id: "CW-18"},
		{id: "CW-19"},
		{id: "CW-20", show: neverReduced},
		{id: "CW-21", show: cookiesRefused},
		{id: "CW-22", show: guarded(caseworksTenant, "account.email")},
		{id: "CW-23", show: everyProduct},
		{id: "CW-24", show: onlyNeeded},
		{id: "CW-25"},
	}
}
