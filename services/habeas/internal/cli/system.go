package cli

import (
	"fmt"
	"maps"
	"slices"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/internal/wholefile"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
)

func (a *app) system() *cobra.Command {
	return group("system", "data systems that hold personal data", a.systemRegister(), a.systemList(), a.systemShow(), a.systemCheck(), a.systemRetire())
}

func (a *app) systemRegister() *cobra.Command {
	var r repeat
	var kind, file string
	var waive map[string]string
	s := &fulfilmentv1.System{}
	c := &cobra.Command{
		Use: "register SYSTEM", Short: "register a system, or a new version of it", Args: cobra.ExactArgs(1),
		Long: "Register describes what a system holds by a fideslang dataset; see docs/datasets.md. Its structure is compared first.",
		RunE: func(c *cobra.Command, args []string) (err error) {
			r.fill()
			s.System = args[0]
			if s.Connection == "" {
				s.Connection = args[0]
			}
			if s.Connector, err = enum[fulfilmentv1.ConnectorKind]("--connector", kind, "CONNECTOR_KIND_", fulfilmentv1.ConnectorKind_value); err != nil {
				return err
			}
			if s.Dataset, err = wholefile.Read(file, wholefile.Usual); err != nil {
				return usageError{fmt.Errorf("read --dataset: %w", err)}
			}
			for _, path := range slices.Sorted(maps.Keys(waive)) {
				s.Waivers = append(s.Waivers, &fulfilmentv1.Waiver{Path: path, Reason: waive[path]})
			}
			return a.fulfilment(func(conn *grpc.ClientConn) error {
				resp, err := fulfilmentv1.NewSystemServiceClient(conn).RegisterSystem(c.Context(),
					&fulfilmentv1.RegisterSystemRequest{RequestId: r.id, System: s})
				if err != nil {
					return r.failed(err, false)
				}
				rows := []string{"SYSTEM\tVERSION", cells(s.GetSystem(), resp.GetVersion())}
				if len(resp.GetRemarks()) == 0 {
					return a.show(resp, rows)
				}
				return a.show(resp, rows, append([]string{"REMARKS"}, resp.GetRemarks()...))
			})
		},
	}
	r.flags(c.Flags(), "")
	c.Flags().StringVar(&kind, "connector", "", "postgresql, mysql, sqlite or grpc")
	c.Flags().StringVar(&s.Connection, "connection", "", "name of the connection in fulfilment's configuration; the system's if empty")
	c.Flags().StringVar(&s.Region, "region", "us", "region in which the data lies")
	c.Flags().Uint32Var(&s.BackupDays, "backup-days", 0, "days for which its backups hold what was erased")
	c.Flags().StringVar(&s.Owner, "owner", "", "code of the team that looks after it; never a person's name")
	c.Flags().StringVar(&file, "dataset", "", "file of the dataset, YAML")
	c.Flags().StringToStringVar(&waive, "waive", nil,
		"column that holds nothing of a person though its name looks so, with the reason: table.column=code; may stand several times")
	return c
}

// systemCheck exits with 1 when the description does not hold any more.
func (a *app) systemCheck() *cobra.Command {
	return &cobra.Command{
		Use: "check SYSTEM", Short: "compare a system's description with the system as it is now", Args: cobra.ExactArgs(1),
		Long: "Check compares the description in force with the system itself: tables and columns that are gone or of another type, and\n" +
			"columns that look as if they held data of people and are neither described nor waived. It changes nothing and exits\n" +
			"with 1 when something of that kind is found.",
		RunE: func(c *cobra.Command, args []string) error {
			return a.fulfilment(func(conn *grpc.ClientConn) error {
				resp, err := fulfilmentv1.NewSystemServiceClient(conn).CheckSystem(c.Context(), &fulfilmentv1.CheckSystemRequest{System: args[0]})
				if err != nil {
					return err
				}
				verdict := "the description holds"
				if len(resp.GetProblems()) > 0 {
					verdict = "the description does not hold"
				}
				tables := [][]string{{fmt.Sprintf("system %s, version %d: %s", args[0], resp.GetVersion(), verdict)}}
				if len(resp.GetProblems()) > 0 {
					rows := []string{"PLACE\tREASON\tPROBLEM"}
					for _, p := range resp.GetProblems() {
						rows = append(rows, cells(dash(p.GetPath()), p.GetReason(), p.GetText()))
					}
					tables = append(tables, rows)
				}
				if len(resp.GetRemarks()) > 0 {
					tables = append(tables, append([]string{"REMARKS"}, resp.GetRemarks()...))
				}
				if err := a.show(resp, tables...); err != nil {
					return err
				}
				if len(resp.GetProblems()) > 0 {
					return codedError{errAlreadySaid, ExitFailed}
				}
				return nil
			})
		},
	}
}

func (a *app) systemList() *cobra.Command {
	var p page
	c := &cobra.Command{
		Use: "list", Short: "list systems", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.fulfilment(func(conn *grpc.ClientConn) error {
				all := &fulfilmentv1.ListSystemsResponse{}
				err := p.all(func(token string) (string, error) {
					resp, err := fulfilmentv1.NewSystemServiceClient(conn).ListSystems(c.Context(),
						&fulfilmentv1.ListSystemsRequest{PageSize: p.size, PageToken: token})
					all.Systems = append(all.Systems, resp.GetSystems()...)
					return resp.GetNextPageToken(), err
				})
				if err != nil {
					return err
				}
				rows := []string{"SYSTEM\tCONNECTOR\tREGION\tVERSION\tCOLLECTIONS"}
				for _, s := range all.GetSystems() {
					rows = append(rows, cells(s.GetSystem(), short(s.GetConnector().String(), "CONNECTOR_KIND_"),
						s.GetRegion(), s.GetVersion(), s.GetCollections()))
				}
				return a.show(all, rows)
			})
		},
	}
	p.flags(c.Flags())
	return c
}

func (a *app) systemRetire() *cobra.Command {
	var r repeat
	var reason string
	c := &cobra.Command{
		Use: "retire SYSTEM", Short: "take a system out of use", Args: cobra.ExactArgs(1),
		Long: "Retire takes a system out of use. It takes part in no new request. Parts of it in requests that are open end as lost, " +
			"never as erased, and the person is told so. Registering it again brings it back.",
		RunE: func(c *cobra.Command, args []string) error {
			r.fill()
			return a.fulfilment(func(conn *grpc.ClientConn) error {
				resp, err := fulfilmentv1.NewSystemServiceClient(conn).RetireSystem(c.Context(),
					&fulfilmentv1.RetireSystemRequest{RequestId: r.id, System: args[0], Reason: reason})
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, []string{fmt.Sprintf("system %s is out of use", args[0])})
			})
		},
	}
	r.flags(c.Flags(), "")
	c.Flags().StringVar(&reason, "reason", "", "why: a code such as shut_down")
	return c
}

func (a *app) systemShow() *cobra.Command {
	return &cobra.Command{
		Use: "show SYSTEM", Short: "show a system and its dataset", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.fulfilment(func(conn *grpc.ClientConn) error {
				resp, err := fulfilmentv1.NewSystemServiceClient(conn).GetSystem(c.Context(), &fulfilmentv1.GetSystemRequest{System: args[0]})
				if err != nil {
					return err
				}
				s := resp.GetSystem()
				tables := [][]string{{
					"SYSTEM\tVERSION\tCONNECTOR\tCONNECTION\tREGION\tOWNER\tBACKUP DAYS\tREGISTERED",
					cells(s.GetSystem(), resp.GetVersion(), short(s.GetConnector().String(), "CONNECTOR_KIND_"), s.GetConnection(),
						s.GetRegion(), dash(s.GetOwner()), s.GetBackupDays(), day(resp.GetRegisteredAt())),
				}}
				if len(resp.GetRemarks()) > 0 {
					tables = append(tables, append([]string{"REMARKS"}, resp.GetRemarks()...))
				}
				return a.show(resp, append(tables, []string{string(s.GetDataset())})...)
			})
		},
	}
}
