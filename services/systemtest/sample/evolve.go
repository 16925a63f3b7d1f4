package sample

// Evolve folds one event into the state.
func Evolve(s Book, ev Event) Book {
	switch e := ev.(type) {
	case Opened:
		s.Opened, s.ClosesAt = true, e.ClosesAt
	case Signed:
		s.Guests = e.Entry
	case SigningRefused:
	case Closed:
		s.Closed = true
	case Announced:
		s.Announced = true
	}
	return s
}
