package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/habeas/internal/local"
	"habeas.internal/services/habeas/internal/remote"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

func (a *app) request() *cobra.Command {
	return group("request", "what people ask for", a.requestSubmit(), a.requestVerify(), a.requestList(), a.requestGet(),
		a.requestWatch(), a.requestExplain(), a.requestRetry(), a.requestWithdraw(), a.requestCancel(), a.requestDownload(),
		a.requestCase(), a.requestAssign(), a.requestUnassign(), a.requestApprove(), a.requestDecline(),
		a.requestReject(), a.requestReopen())
}

// requests runs what needs the request service.
func (a *app) requests(do func(fulfilmentv1.RequestServiceClient) error) error {
	return a.fulfilment(func(conn *grpc.ClientConn) error { return do(fulfilmentv1.NewRequestServiceClient(conn)) })
}

func (a *app) requestSubmit() *cobra.Command {
	var r repeat
	var by identifiers
	var channel string
	req := &fulfilmentv1.SubmitRequestRequest{}
	c := &cobra.Command{
		Use: "submit RIGHT", Short: "take a person's request in", Args: cobra.ExactArgs(1),
		Long: "RIGHT is access, erasure, disclosure-list (who was given data for marketing, once a year) or accounting (of disclosures\n" +
			"of patients' data). Submit starts the clock. The answer is the same whether or not the person is known; a code goes to the address that is.",
		RunE: func(c *cobra.Command, args []string) (err error) {
			given := r.at != ""
			r.fill()
			req.RequestId = r.id
			if req.Right, err = enum[fulfilmentv1.Right]("the right", args[0], "RIGHT_", fulfilmentv1.Right_value); err != nil {
				return err
			}
			if req.Channel, err = enum[fulfilmentv1.RequestChannel]("--channel", channel, "REQUEST_CHANNEL_", fulfilmentv1.RequestChannel_value); err != nil {
				return err
			}
			if req.Identifier, err = by.one(a); err != nil {
				return err
			}
			if given {
				if req.ReceivedAt, err = r.moment(); err != nil {
					return err
				}
			}
			return a.requests(func(s fulfilmentv1.RequestServiceClient) error {
				resp, err := s.SubmitRequest(c.Context(), req)
				if err != nil {
					return r.failed(err, given)
				}
				return a.show(resp, []string{"REQUEST\tDUE", cells(resp.GetRequest(), dash(resp.GetDueOn()))},
					[]string{"tell the person the number and the day: a message goes to an address that is known, and to no other"})
			})
		},
	}
	r.flags(c.Flags(), "when it was received")
	by.flag(c.Flags())
	c.Flags().StringVar(&req.Policy, "policy", "", "the policy under which they ask; may be left out where there is one only")
	c.Flags().StringVar(&req.ArrivedAt, "arrived-at", "", "your address or number at which it arrived; where the policy designates another there may be more time")
	c.Flags().StringVar(&channel, "channel", "web", "how they asked: web, mail, phone, letter, app or in-person")
	return c
}

func (a *app) requestList() *cobra.Command {
	var p page
	var state string
	c := &cobra.Command{
		Use: "list", Short: "list requests, newest first", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			req := &fulfilmentv1.ListRequestsRequest{PageSize: p.size}
			if state != "" {
				req.State, err = enum[fulfilmentv1.RequestState]("--state", state, "REQUEST_STATE_", fulfilmentv1.RequestState_value)
				if err != nil {
					return err
				}
			}
			return a.requests(func(s fulfilmentv1.RequestServiceClient) error {
				all := &fulfilmentv1.ListRequestsResponse{}
				err := p.all(func(token string) (string, error) {
					req.PageToken = token
					resp, err := s.ListRequests(c.Context(), req)
					all.Requests = append(all.Requests, resp.GetRequests()...)
					return resp.GetNextPageToken(), err
				})
				if err != nil {
					return err
				}
				rows := []string{"REQUEST\tRIGHT\tSTATE\tOUTCOME\tRECEIVED\tDUE ON\tDUE"}
				for _, q := range all.GetRequests() {
					rows = append(rows, cells(q.GetRequest(), right(q.GetRight()), requestState(q.GetState()), outcome(q.GetOutcome()),
						day(q.GetReceivedAt()), dash(q.GetDueOn()), due(q, time.Now())))
				}
				return a.show(all, rows)
			})
		},
	}
	p.flags(c.Flags())
	c.Flags().StringVar(&state, "state", "", "only requests in this state")
	return c
}

// due is by when a request is to be answered, and whether it is late.
func due(q *fulfilmentv1.RequestSummary, now time.Time) string {
	if q.GetState() != fulfilmentv1.RequestState_REQUEST_STATE_CLOSED && !now.Before(q.GetDueAt().AsTime()) {
		return day(q.GetDueAt()) + " overdue"
	}
	return day(q.GetDueAt())
}

func right(r fulfilmentv1.Right) string               { return short(r.String(), "RIGHT_") }
func requestState(s fulfilmentv1.RequestState) string { return short(s.String(), "REQUEST_STATE_") }

func outcome(o fulfilmentv1.Outcome) string {
	if o == fulfilmentv1.Outcome_OUTCOME_UNSPECIFIED {
		return "-"
	}
	return short(o.String(), "OUTCOME_")
}

func leafOutcome(l *fulfilmentv1.Leaf) string {
	switch {
	case l.GetOutcome() != fulfilmentv1.LeafOutcome_LEAF_OUTCOME_UNSPECIFIED:
		return short(l.GetOutcome().String(), "LEAF_OUTCOME_")
	case l.GetReason() != "":
		return "waiting"
	}
	return "open"
}

// counted are the rows of a leaf; a dash before anybody has counted them.
func counted(l *fulfilmentv1.Leaf) string {
	if l.GetRowsFound() == 0 && l.GetOutcome() == fulfilmentv1.LeafOutcome_LEAF_OUTCOME_UNSPECIFIED {
		return "-"
	}
	return fmt.Sprint(l.GetRowsFound())
}

func (a *app) requestGet() *cobra.Command {
	return &cobra.Command{
		Use: "get REQUEST", Short: "show a request, its manifest and its leaves", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.requests(func(s fulfilmentv1.RequestServiceClient) error {
				resp, err := s.GetRequest(c.Context(), &fulfilmentv1.GetRequestRequest{Request: args[0]})
				if err != nil {
					return err
				}
				return a.show(resp, requestTables(resp.GetRequest())...)
			})
		},
	}
}

func requestTables(q *fulfilmentv1.Request) [][]string {
	tables := [][]string{{
		"REQUEST\tRIGHT\tSTATE\tOUTCOME\tSUBJECT\tPOLICY\tRULES\tRECEIVED\tDUE\tCLOSED",
		cells(q.GetRequest(), right(q.GetRight()), requestState(q.GetState()), outcome(q.GetOutcome()), dash(q.GetSubjectRef()),
			fmt.Sprintf("%s v%d", q.GetPolicy(), q.GetPolicyVersion()), dash(q.GetRulePack()),
			day(q.GetReceivedAt()), dash(q.GetDueOn()), day(q.GetClosedAt())),
	}}
	if len(q.GetLeaves()) > 0 {
		rows := []string{"LEAF\tSYSTEM\tCOLLECTION\tCATEGORY\tROWS\tOUTCOME\tREASON\tAUTHORITY\tUNTIL"}
		for _, l := range q.GetLeaves() {
			rows = append(rows, cells(l.GetLeaf(), l.GetSystem(), l.GetCollection(), l.GetCategory(), counted(l),
				leafOutcome(l), dash(l.GetReason()), dash(l.GetAuthority()), day(l.GetUntil())))
		}
		tables = append(tables, rows)
	}
	if q.GetPackageUri() != "" {
		tables = append(tables, []string{"PACKAGE\tUNTIL", cells(q.GetPackageUri(), day(q.GetPackageExpiresAt()))})
	}
	if q.GetDuplicateOf() != "" {
		tables = append(tables, []string{"answered with request " + q.GetDuplicateOf()})
	}
	return tables
}

func (a *app) requestWatch() *cobra.Command {
	return &cobra.Command{
		Use: "watch REQUEST", Short: "show each change of a request until it is closed", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.requests(func(s fulfilmentv1.RequestServiceClient) error { return a.watch(c.Context(), s, args[0]) })
		},
	}
}

func (a *app) watch(ctx context.Context, s fulfilmentv1.RequestServiceClient, id string) error {
	stream, err := s.WatchRequest(ctx, &fulfilmentv1.WatchRequestRequest{Request: id})
	if err != nil {
		return err
	}
	said := ""
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		q := resp.GetRequest()
		if a.set.output == outputJSON { // a line each
			text, err := compact(resp)
			if err != nil {
				return err
			}
			_, _ = fmt.Fprintf(a.Out, "%s\n", text)
			continue
		}
		if line := strings.TrimSpace(right(q.GetRight()) + " " + requestState(q.GetState()) + "  " + leafCounts(q)); line != said {
			said = line
			_, _ = fmt.Fprintf(a.Out, "%s  %s\n", time.Now().Format(time.TimeOnly), line)
		}
		if q.GetState() == fulfilmentv1.RequestState_REQUEST_STATE_CLOSED {
			_, _ = fmt.Fprintln(a.Out)
			if err := printTables(a.Out, ended(q)); err != nil {
				return err
			}
		}
	}
}

// leafCounts says how many leaves ended how.
func leafCounts(q *fulfilmentv1.Request) string {
	counts := map[string]int{}
	var order []string
	for _, l := range q.GetLeaves() {
		word := leafOutcome(l)
		if counts[word] == 0 {
			order = append(order, word)
		}
		counts[word]++
	}
	for i, word := range order {
		order[i] = fmt.Sprintf("%d %s", counts[word], word)
	}
	return strings.Join(order, ", ")
}

// named is what a code is about, behind it: a reason's category, an actor's team.
func named(what string) string {
	if what == "" {
		return ""
	}
	return " " + what
}

func (a *app) requestRetry() *cobra.Command {
	return a.requestCommand("retry REQUEST", "try the leaves that failed again", "is tried again",
		func(ctx context.Context, s fulfilmentv1.RequestServiceClient, id, request string) (proto.Message, error) {
			return s.RetryRequest(ctx, &fulfilmentv1.RetryRequestRequest{RequestId: id, Request: request})
		})
}

func (a *app) requestWithdraw() *cobra.Command {
	return a.requestCommand("withdraw REQUEST", "end a request at the person's wish, before anything was touched", "is withdrawn",
		func(ctx context.Context, s fulfilmentv1.RequestServiceClient, id, request string) (proto.Message, error) {
			return s.WithdrawRequest(ctx, &fulfilmentv1.WithdrawRequestRequest{RequestId: id, Request: request})
		})
}

// requestCommand is a command that needs a request's id only.
func (a *app) requestCommand(
	use, about, done string,
	do func(ctx context.Context, s fulfilmentv1.RequestServiceClient, id, request string) (proto.Message, error),
) *cobra.Command {
	var r repeat
	c := &cobra.Command{
		Use: use, Short: about, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r.fill()
			return a.requests(func(s fulfilmentv1.RequestServiceClient) error {
				resp, err := do(c.Context(), s, r.id, args[0])
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, []string{fmt.Sprintf("request %s %s", args[0], done)})
			})
		},
	}
	r.flags(c.Flags(), "")
	return c
}

func (a *app) requestDownload() *cobra.Command {
	var file, purpose, glass string
	var of bool
	c := &cobra.Command{
		Use: "download REQUEST", Short: "fetch the access package; the read is recorded", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if file == "" {
				file = args[0] + ".zip"
			}
			ctx := metadata.AppendToOutgoingContext(c.Context(), "habeas-purpose", purpose)
			if of || glass != "" {
				ctx = metadata.AppendToOutgoingContext(ctx, "habeas-case", args[0])
			}
			if glass != "" {
				ctx = metadata.AppendToOutgoingContext(ctx, "habeas-break-glass", glass)
			}
			return a.requests(func(s fulfilmentv1.RequestServiceClient) error {
				n := int64(0)
				err := a.writeTo(file, func(w io.Writer) (err error) {
					n, err = download(ctx, s, args[0], w)
					return err
				})
				if err != nil || file == "-" {
					return err
				}
				return a.print(map[string]any{"file": file, "bytes": n}, []string{"FILE\tBYTES", cells(file, n)})
			})
		},
	}
	c.Flags().StringVarP(&file, "file", "f", "", "where to write, REQUEST.zip if empty; - is standard output")
	c.Flags().StringVar(&purpose, "purpose", local.Purpose, "why it is read; recorded")
	c.Flags().BoolVar(&of, "as-case", false, "by your duty for this request, not by a need for the purpose")
	c.Flags().StringVar(&glass, "break-glass", "", "the grant by which it is read, outside the usual rule")
	return c
}

func download(ctx context.Context, s fulfilmentv1.RequestServiceClient, id string, w io.Writer) (n int64, err error) {
	stream, err := s.DownloadPackage(ctx, &fulfilmentv1.DownloadPackageRequest{Request: id})
	if err != nil {
		return 0, remote.Of(err)
	}
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, remote.Of(err)
		}
		if _, err := w.Write(part.GetData()); err != nil {
			return n, fmt.Errorf("write package: %w", err)
		}
		n += int64(len(part.GetData()))
	}
}
