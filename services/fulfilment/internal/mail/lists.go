package mail

// lists are the notices about lists of disclosures.
func lists() map[string]text {
	return map[string]text{
		"disclosures_listed": {"The list that you asked for is ready", `Your request {{.Request}} {{right .}} is done. The list names each of them, with the kinds of data and how to reach them.
It can be fetched until {{day .ExpiresAt}}, where the request was made and by its number; after that it is destroyed. Open
index.html in it first.`},
		"disclosures_none": {"Nobody was given your data", `Your request {{.Request}} {{right .}} is done. The answer is: nobody.

A page that says so can be fetched until {{day .ExpiresAt}}, where the request was made and by its number.`},
		"disclosures_listed_before": {"Your request has been answered", `You have asked us before, by your request {{.Other}}, {{right .}}. The law has us answer this once
in a calendar year, so that the answer to your request {{.Request}} is the same. It can still be fetched by the earlier number.`},
	}
}
