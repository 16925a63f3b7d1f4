package messageplan

// Evolve folds an event.
func Evolve(_ Plan, ev Event) Plan {
	switch e := ev.(type) {
	case Replaced:
		return e.Plan
	}
	return Plan{}
}
