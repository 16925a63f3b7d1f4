package breakglass

import "time"

// Decide returns the events that cmd causes.
func Decide(g Grant, cmd Command) ([]Event, error) {
	switch c := cmd.(type) {
	case Ask:
		return g.ask(c)
	case Permit:
		return g.permit(c)
	case Decline:
		return g.decline(c)
	case Use:
		return g.use(c)
	case Close:
		return g.close(c)
	case Lapse:
		return g.lapse(c)
	case Warn:
		if g.Phase != Ended || g.Overdue || c.At.Before(g.ReviewBy) {
			return nil, nil
		}
		return []Event{Missed(c)}, nil
	case Review:
		return g.review(c)
	}
	return nil, errUnknown
}

func (g Grant) ask(c Ask) ([]Event, error) {
	switch {
	case g.Phase != None:
		return nil, ErrPhase
	case (c.Request.Subject == "") == (c.Request.Case == ""):
		return nil, ErrScope
	case !period(c.Request.For):
		return nil, ErrPeriod
	}
	if no := c.refusal(); no != "" {
		return refused(no, c.Request.By)
	}
	return []Event{c.Request}, nil
}

// refusal is the first rule that an ask breaks.
func (c Ask) refusal() Refusal {
	switch {
	case !c.Bound:
		return ErrNotBound
	case c.Overdue:
		return ErrOverdue
	case !c.Rule.Allowed || c.Rule.ID != c.Request.Ground:
		return ErrGround
	case c.Rule.Document && c.Request.Document == "":
		return ErrDocument
	case c.Rule.Imminent && !c.Request.Imminent:
		return ErrImminent
	case c.Rule.Categories && len(c.Request.Categories) == 0:
		return ErrCategories
	}
	return ""
}

func (g Grant) permit(c Permit) ([]Event, error) {
	if c.For == 0 {
		c.For = g.Request.For
	}
	until := c.At.Add(c.For)
	switch {
	case g.Phase == None:
		return nil, ErrNotFound
	case g.Phase != Waiting:
		return refused(ErrPhase, c.By)
	case c.By == "" || c.By == g.Request.By:
		return refused(ErrSecond, c.By)
	case !c.At.Before(g.Request.At.Add(AskLives)):
		return refused(ErrStale, c.By)
	case c.AskerOverdue || c.GranterOverdue:
		return refused(ErrOverdue, c.By)
	case !period(c.For):
		return nil, ErrPeriod
	case !until.Before(c.ReviewBy):
		return nil, ErrReviewBy
	}
	return []Event{Permitted{By: c.By, Until: until, ReviewBy: c.ReviewBy, At: c.At}}, nil
}

func (g Grant) decline(c Decline) ([]Event, error) {
	switch {
	case g.Phase == None:
		return nil, ErrNotFound
	case g.Phase != Waiting:
		return refused(ErrPhase, c.By)
	case c.By == g.Request.By:
		return refused(ErrSecond, c.By)
	}
	return []Event{Denied(c)}, nil
}

// use records the first use of a method, and then one every now and then.
func (g Grant) use(c Use) ([]Event, error) {
	if !g.Opens(c.By, g.Request.Case, c.At) {
		return nil, ErrClosed
	}
	if last := g.lastUse(c.Method); g.Uses >= MaxUses || !last.IsZero() && c.At.Before(last.Add(UseWindow)) {
		return nil, nil
	}
	return []Event{Used(c)}, nil
}

func (g Grant) close(c Close) ([]Event, error) {
	switch g.Phase {
	case None:
		return nil, ErrNotFound
	case Waiting, Open:
		return []Event{Closed(c)}, nil
	case Declined, Ended, Reviewed: // over already
	}
	return nil, nil
}

// lapse ends what has run out, as of when it did.
func (g Grant) lapse(c Lapse) ([]Event, error) {
	end := g.Until
	if g.Phase == Waiting {
		end = g.Request.At.Add(AskLives)
	}
	if g.Phase != Open && g.Phase != Waiting || c.At.Before(end) {
		return nil, nil
	}
	return []Event{Lapsed{At: end}}, nil
}

func (g Grant) review(c Review) ([]Event, error) {
	late, err := g.lapse(Lapse{At: c.At}) // nobody has noted its end yet
	if err != nil {
		return nil, err
	}
	for _, ev := range late {
		g = Evolve(g, ev)
	}
	switch {
	case g.Phase == None:
		return nil, ErrNotFound
	case g.Phase != Ended:
		return refused(ErrPhase, c.By)
	case c.By == "" || c.By == g.Request.By || c.By == g.Granter:
		return refused(ErrReviewer, c.By)
	}
	return append(late, Judged(c)), nil
}

func period(d time.Duration) bool { return d >= time.Minute && d <= Longest }

func refused(r Refusal, by string) ([]Event, error) {
	return []Event{Refused{Reason: r.Reason(), By: by}}, r
}
