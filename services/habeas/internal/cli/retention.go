package cli

import (
	"fmt"
	"slices"
	"strings"

	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
)

func (a *app) storage() *cobra.Command {
	return group("retention", "data that goes by itself when its time is over", a.clocks(), a.storageRecord(), a.openAccount(), a.closeAccount(), a.showAccount())
}

func (a *app) clocks() *cobra.Command {
	return &cobra.Command{
		Use: "clocks SUBJECT", Short: "list what of a person has to go by itself, and when", Args: cobra.ExactArgs(1),
		Long: "Clocks lists what of a person has to go by itself: since when it counts, when it has to go, by which clause, and how it\n" +
			"stands: it runs, a hold defers it, or an erasure was announced. The role agent, dpo or auditor is needed.",
		RunE: func(c *cobra.Command, args []string) error {
			return a.retention(func(conn *grpc.ClientConn) error {
				resp, err := retentionv1.NewStorageServiceClient(conn).ListClocks(c.Context(), &retentionv1.ListClocksRequest{SubjectRef: args[0]})
				if err != nil {
					return err
				}
				lines := []string{"CATEGORY\tSYSTEM\tCOUNTS FROM\tSTARTED\tDUE\tSTATE\tWHY\tREQUEST"}
				for _, k := range resp.GetClocks() {
					why := k.GetClause()
					if k.GetGround() != "" {
						why = k.GetGround() + ", " + k.GetAuthority()
					}
					lines = append(lines, cells(k.GetCategory(), k.GetSystem(), k.GetStartsOn(), day(k.GetStartedAt()), day(k.GetDueAt()), k.GetState(), why, k.GetRequest()))
				}
				return a.show(resp, lines)
			})
		},
	}
}

// storageEvents are the words for what happens to data.
func storageEvents() []string {
	var out []string
	for n, name := range retentionv1.StorageEvent_name {
		if n != 0 {
			out = append(out, strings.ToLower(strings.TrimPrefix(name, "STORAGE_EVENT_")))
		}
	}
	slices.Sort(out)
	return out
}

func (a *app) storageRecord() *cobra.Command {
	var r repeat
	var event, at string
	e := &retentionv1.DataEvent{}
	c := &cobra.Command{
		Use: "record SUBJECT", Short: "say what has happened to data of a person", Args: cobra.ExactArgs(1),
		Long: "Record says that data of a person was collected, used or delivered, or that its case or contract has ended: the clock that\n" +
			"the policy counts from it is moved. Products do so by RecordStorageEvents, many at a time. The role product is needed.",
		RunE: func(c *cobra.Command, args []string) (err error) {
			r.fill()
			n, ok := retentionv1.StorageEvent_value["STORAGE_EVENT_"+strings.ToUpper(event)]
			if !ok || n == 0 {
				return usageError{fmt.Errorf("--event is one of %s", strings.Join(storageEvents(), ", "))}
			}
			e.SubjectRef, e.Event = args[0], retentionv1.StorageEvent(n)
			if e.OccurredAt, err = neededMoment("--at", at); err != nil {
				return err
			}
			return a.retention(func(conn *grpc.ClientConn) error {
				resp, err := retentionv1.NewStorageServiceClient(conn).RecordStorageEvents(c.Context(), &retentionv1.RecordStorageEventsRequest{
					RequestId: r.id, Events: []*retentionv1.DataEvent{e},
				})
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, []string{fmt.Sprintf("%d clocks were moved", resp.GetClocks())})
			})
		},
	}
	r.flags(c.Flags(), "")
	c.Flags().StringVar(&event, "event", "collected", "what has happened: "+strings.Join(storageEvents(), ", "))
	c.Flags().StringVar(&e.Category, "category", "", "the category of the data, as a policy names it; needed")
	c.Flags().StringVar(&e.System, "system", "", "the system that holds it; needed")
	c.Flags().StringVar(&at, "at", "", "when, RFC 3339 or a date; needed")
	return c
}

func (a *app) openAccount() *cobra.Command {
	var r repeat
	req := &retentionv1.OpenAccountRequest{}
	c := &cobra.Command{
		Use: "open-account ACCOUNT SUBJECT...", Short: "say whose data an account of a customer holds", Args: cobra.MinimumNArgs(2),
		Long: "Open-account says whose data an account holds, so that its closing counts for all of them. ACCOUNT is the product's own\n" +
			"number of it: no name, and no address. The role product is needed.",
		RunE: func(c *cobra.Command, args []string) error {
			r.fill()
			req.RequestId, req.Account, req.SubjectRefs = r.id, args[0], args[1:]
			return a.retention(func(conn *grpc.ClientConn) error {
				resp, err := retentionv1.NewStorageServiceClient(conn).OpenAccount(c.Context(), req)
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, []string{fmt.Sprintf("account %s holds data of %d people", args[0], resp.GetPeople())})
			})
		},
	}
	r.flags(c.Flags(), "")
	return c
}

func (a *app) closeAccount() *cobra.Command {
	var r repeat
	var at string
	req := &retentionv1.CloseAccountRequest{}
	c := &cobra.Command{
		Use: "close-account ACCOUNT", Short: "close an account for everybody whose data it holds", Args: cobra.ExactArgs(1),
		Long: "Close-account closes an account of a customer: consent says no to everything but storing, and the clocks of all people begin\n" +
			"who have no other. It goes on by itself. The role product or dpo is needed.",
		RunE: func(c *cobra.Command, args []string) (err error) {
			r.fill()
			req.RequestId, req.Account = r.id, args[0]
			if at != "" {
				if req.ClosedAt, err = neededMoment("--at", at); err != nil {
					return err
				}
			}
			return a.retention(func(conn *grpc.ClientConn) error {
				resp, err := retentionv1.NewStorageServiceClient(conn).CloseAccount(c.Context(), req)
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, []string{fmt.Sprintf("account %s is closed for %d people", args[0], resp.GetPeople())})
			})
		},
	}
	r.flags(c.Flags(), "")
	c.Flags().StringVar(&at, "at", "", "when it was closed, RFC 3339 or a date; now if it is not given")
	return c
}

func (a *app) showAccount() *cobra.Command {
	return &cobra.Command{
		Use: "account ACCOUNT", Short: "show how an account of a customer stands", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.retention(func(conn *grpc.ClientConn) error {
				resp, err := retentionv1.NewStorageServiceClient(conn).GetAccount(c.Context(), &retentionv1.GetAccountRequest{Account: args[0]})
				if err != nil {
					return err
				}
				return a.show(resp, []string{"ACCOUNT\tPEOPLE\tCLOSED", cells(args[0], resp.GetPeople(), day(resp.GetClosedAt()))})
			})
		},
	}
}
