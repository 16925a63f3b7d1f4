package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/devmail"
)

// ask is what one person asks for.
type ask struct {
	right  fulfilmentv1.Right
	policy string
	person Person
}

// asks picks two people who are in both systems, and remembers that they have
// asked: a run that is cut off is not taken up, the next one asks for others.
func (p *player) asks() ([]ask, error) {
	var both []Person
	namesakes := map[string]int{}
	for _, person := range p.people {
		namesakes[person.Name]++
	}
	for _, person := range p.people {
		if person.Shop && person.Messenger && namesakes[person.Name] == 1 { // so that a scan for the name finds one person
			both = append(both, person)
		}
	}
	at := 2 * p.state.Runs
	if at+1 >= len(both) {
		p.say("  Everyone has asked by now; --data names a fresh folder.")
		return nil, nil
	}
	p.state.Runs++
	return []ask{
		{fulfilmentv1.Right_RIGHT_ACCESS, "personnel-technology", both[at]},
		{fulfilmentv1.Right_RIGHT_ERASURE, "caseworks", both[at+1]},
	}, p.save()
}

// follow files a request, verifies it with the code that was sent, and watches
// it to its end.
func (p *player) follow(ctx context.Context, a ask) (Followed, error) {
	out := Followed{Right: word(a.right.String(), "RIGHT_")}
	traces, err := p.traces(ctx, a.person)
	if err != nil {
		return out, err
	}
	if out.Before, err = p.scan(ctx, traces); err != nil {
		return out, err
	}
	mails := p.cfg.Mail.Count(a.person.Email)
	p.say("\n%s asks for %s under the policy %s.", a.person.Name, out.Right, a.policy)
	p.say("  %s and %s of the two databases were read for traces of this person:", count(out.Before.Tables, "table"), count(out.Before.Columns, "column"))
	p.say("  %s.", found(out.Before))
	filed, err := p.requests.SubmitRequest(ctx, &fulfilmentv1.SubmitRequestRequest{
		RequestId: p.requestID(fmt.Sprintf("submit %s %d", out.Right, p.state.Runs)), Right: a.right,
		Identifier: email(a.person), Policy: a.policy, Channel: fulfilmentv1.RequestChannel_REQUEST_CHANNEL_WEB,
	})
	if err != nil {
		return out, err
	}
	out.Request = filed.GetRequest()
	p.say("  request %s, due %s", out.Request, day(filed.GetDueOn()))
	if err := p.verify(ctx, a, out.Request, mails); err != nil {
		return out, err
	}
	q, err := p.watch(ctx, out.Request)
	if err != nil {
		return out, err
	}
	out.Subject, out.Outcome = q.GetSubjectRef(), word(q.GetOutcome().String(), "OUTCOME_")
	if out.After, err = p.scan(ctx, traces); err != nil {
		return out, err
	}
	if err := p.timeline(ctx, out.Request); err != nil {
		return out, err
	}
	p.tell(a, q, out)
	return out, nil
}

// timeline prints what was recorded, each event in a row of the same once.
func (p *player) timeline(ctx context.Context, request string) error {
	e, err := p.requests.ExplainRequest(ctx, &fulfilmentv1.ExplainRequestRequest{Request: request})
	if err != nil {
		return err
	}
	history := e.GetHistory()
	p.say("  What was recorded, by milliseconds:")
	for i := 0; i < len(history); {
		n := 1
		for i+n < len(history) && history[i+n].GetEvent() == history[i].GetEvent() {
			n++
		}
		line := fmt.Sprintf("    %6d  %s", history[i].GetAt().AsTime().Sub(history[0].GetAt().AsTime()).Milliseconds(), history[i].GetEvent())
		if n > 1 {
			line += fmt.Sprintf(", %d times", n)
		} else if r := history[i].GetReason(); r != "" {
			line += ": " + r
		}
		p.say("%s", line)
		i += n
	}
	return nil
}

// verify hands in the code of the mail.
func (p *player) verify(ctx context.Context, a ask, request string, before int) error {
	digits := regexp.MustCompile(`\b[0-9]{8}\b`)
	mail, err := p.cfg.Mail.Find(ctx, a.person.Email, before, func(m devmail.Message) bool { return digits.MatchString(m.Text) })
	if err != nil {
		return err
	}
	code := digits.FindString(mail.Text)
	p.say("  a code went to the address on file: %s", code)
	if err := p.awaited(ctx, request); err != nil {
		return err
	}
	resp, err := p.requests.VerifyRequest(ctx, &fulfilmentv1.VerifyRequestRequest{
		RequestId: p.requestID("verify " + request), Request: request, Code: code,
	})
	if err != nil {
		return err
	}
	if resp.GetState() != identityv1.VerificationState_VERIFICATION_STATE_PASSED {
		return fmt.Errorf("the code of the mail was not taken: %s", resp.GetState())
	}
	return nil
}

// codeAwaited is what a request waits for that takes a code.
const codeAwaited = "verification.code"

// awaited returns when the request takes a code: a mail may be faster than the
// record of it.
func (p *player) awaited(ctx context.Context, request string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		e, err := p.requests.ExplainRequest(ctx, &fulfilmentv1.ExplainRequestRequest{Request: request})
		if err != nil || e.GetAwaited() == codeAwaited {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for the request to take a code: %w", ctx.Err())
		}
	}
}

// watch prints each change until the request is closed.
func (p *player) watch(ctx context.Context, request string) (*fulfilmentv1.Request, error) {
	stream, err := p.requests.WatchRequest(ctx, &fulfilmentv1.WatchRequestRequest{Request: request})
	if err != nil {
		return nil, err
	}
	var last *fulfilmentv1.Request
	began, said := time.Now(), ""
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		last = resp.GetRequest()
		line := word(last.GetState().String(), "REQUEST_STATE_") + progress(last)
		if line != said {
			p.say("  %5.2fs  %s", time.Since(began).Seconds(), line)
			said = line
		}
		if last.GetState() == fulfilmentv1.RequestState_REQUEST_STATE_CLOSED {
			break
		}
	}
	if last.GetState() != fulfilmentv1.RequestState_REQUEST_STATE_CLOSED {
		return nil, fmt.Errorf("the watch of request %s ended before it was closed", request)
	}
	return last, nil
}

func progress(q *fulfilmentv1.Request) string {
	done := 0
	for _, l := range q.GetLeaves() {
		if o := l.GetOutcome(); o != fulfilmentv1.LeafOutcome_LEAF_OUTCOME_UNSPECIFIED && o != fulfilmentv1.LeafOutcome_LEAF_OUTCOME_FAILED {
			done++
		}
	}
	if len(q.GetLeaves()) == 0 {
		return ""
	}
	return fmt.Sprintf(", %d of %d leaves", done, len(q.GetLeaves()))
}

// word is an enum value as a sentence has it.
func word(name, prefix string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, prefix)), "_", " ")
}
