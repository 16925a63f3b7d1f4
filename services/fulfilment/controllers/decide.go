package controllers

import "slices"

// Decide returns the events that cmd causes; none when it is so already.
func Decide(s Controllers, cmd Command) ([]Event, error) {
	switch c := cmd.(type) {
	case Register:
		if slices.Contains(c.Staff, c.By) {
			return refuse("register", ErrSelf)
		}
		now, there := s.Find(c.Controller)
		if there && now.Title == c.Title && now.Contact == c.Contact && slices.Equal(now.Staff, c.Staff) {
			return nil, nil
		}
		return []Event{Registered(c)}, nil
	case End:
		if _, there := s.Find(c.Controller); !there {
			return refuse("end", ErrUnknown)
		}
		return []Event{Ended(c)}, nil
	}
	return nil, errUnknown
}

func refuse(command string, r Refusal) ([]Event, error) {
	return []Event{CommandRefused{Command: command, Reason: r.Reason()}}, r
}

// Find is a controller by its id.
func (s Controllers) Find(id string) (Controller, bool) {
	i := slices.IndexFunc(s.Entries, func(c Controller) bool { return c.Controller == id })
	if i < 0 {
		return Controller{}, false
	}
	return s.Entries[i], true
}

// Only is the one controller that there is; empty for none and for several.
func (s Controllers) Only() string {
	if len(s.Entries) != 1 {
		return ""
	}
	return s.Entries[0].Controller
}

// Speaks reports whether somebody of the staff speaks for a controller.
func (s Controllers) Speaks(staff, id string) bool {
	c, there := s.Find(id)
	return there && staff != "" && slices.Contains(c.Staff, staff)
}
