package conformance_test

func personnel() []promise {
	return []promise{
		{id: "PT-01"},
		{id: "PT-02"},
		{id: "PT-03"},
		{id: "PT-04"},
		{id: "PT-05"},
		{id: "PT-06"},
		{id: "PT-07"},
		{id: "PT-08"},
		{id: "PT-09"},
		{id: "PT-10"},
		{id: "PT-11"},
		{id: "PT-12"},
		{id: "PT-13"},
		{id: "PT-14"},
		{id: "PT-15"},
		{id: "PT-16"},
		{id: "PT-17"},
		{id: "PT-18"},
		{id: "PT-19"},
		{id: "PT-20"},
		{id: "PT-21"},
		{id: "PT-22"},
		{id: "PT-23"},
		{id: "PT-24"},
		{id: "PT-25"},
		{id: "PT-26"},
		{id: "PT-27"},
		{id: "PT-28"},
	}
}
