package holdersystem

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	holderv1 "habeas.internal/proto/gen/habeas/holder/v1"
	"habeas.internal/services/fulfilment/internal/connector"
	"habeas.internal/services/fulfilment/internal/dataset"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	// scheme begins the connection string of a holder.
	scheme = "grpcs"
	// idle is how long a holder may be silent within a stream.
	idle = time.Minute
	// maxMessage is the largest message that is taken: a row with a large value.
	maxMessage = 16 << 20
)

// Dial connects to a service that proves a name by its certificate.
type Dial func(target, server string) (*grpc.ClientConn, error)

// Config says how a holder is reached.
type Config struct {
	// URL is grpcs://host:port/service, the service as its certificate names it.
	URL string
	// Dial connects.
	Dial Dial
	// Tenant is whose system it is.
	Tenant string
	// Dataset describes it.
	Dataset *dataset.Dataset
	// Idle is how long it may be silent within a stream [a minute].
	Idle time.Duration
}

// System is one data holder.
type System struct {
	conn    *grpc.ClientConn
	holder  holderv1.DataHolderServiceClient
	dataset *dataset.Dataset
	tenant  string
	idle    time.Duration
}

var _ connector.System = (*System)(nil)

// Open prepares the connection. Nothing is asked of the service until the first
// use.
func Open(c Config) (*System, error) {
	u, err := url.Parse(c.URL) // its error quotes the text
	if err != nil || u.Scheme != scheme || u.Port() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		strings.Count(u.Path, "/") != 1 || len(u.Path) == 1 || c.Dataset == nil {
		return nil, fmt.Errorf("holder: read connection: %w", connector.ErrConnector)
	}
	conn, err := c.Dial("dns:///"+u.Host, strings.TrimPrefix(u.Path, "/"))
	if err != nil {
		return nil, fmt.Errorf("holder: connect: %w", connector.ErrConnector)
	}
	if c.Idle <= 0 {
		c.Idle = idle
	}
	return &System{conn: conn, holder: holderv1.NewDataHolderServiceClient(conn), dataset: c.Dataset, tenant: c.Tenant, idle: c.Idle}, nil
}

// Close ends the connection.
func (s *System) Close() error {
	if err := s.conn.Close(); err != nil {
		return failed("close", err)
	}
	return nil
}

// IdentityColumns names the fields that hold a kind of identifier.
func (s *System) IdentityColumns(kind string) []string { return s.dataset.IdentityColumns(kind) }

// Check compares the dataset with what the service says that it holds. What it
// holds of people and the dataset does not name is a mismatch, not a remark:
// nobody would find it.
func (s *System) Check(ctx context.Context) ([]string, error) {
	_, remarks, err := s.describe(ctx)
	return remarks, err
}

// Unnamed lists fields that the dataset does not name, of collections that it does.
// Any other is not known to be anybody's: Check has refused what the service says is
// of people.
func (s *System) Unnamed(ctx context.Context) ([]connector.Unnamed, error) {
	there, _, err := s.describe(ctx)
	if err != nil {
		return nil, err
	}
	var out []connector.Unnamed
	for _, c := range s.dataset.Collections {
		for _, f := range there[c.Name].GetFields() {
			if _, ok := c.Field(f.GetName()); !ok {
				out = append(out, connector.Unnamed{Path: c.Name + "." + f.GetName(), Column: f.GetName(), Near: len(c.Categories()) > 0})
			}
		}
	}
	return out, nil
}

func (s *System) describe(ctx context.Context) (map[string]*holderv1.DescribedCollection, []string, error) {
	answer, err := s.holder.DescribeData(ctx, &holderv1.DescribeDataRequest{})
	if err != nil {
		return nil, nil, failed("describe", err)
	}
	there := map[string]*holderv1.DescribedCollection{}
	for _, c := range answer.GetCollections() {
		if there[c.GetName()] != nil {
			return nil, nil, failed("describe", connector.ErrMismatch)
		}
		there[c.GetName()] = c
	}
	var wrong connector.Mismatch
	var remarks []string
	for _, c := range s.dataset.Collections {
		if there[c.Name] == nil {
			wrong = append(wrong, connector.Place{Path: c.Name, Text: "the service has no collection " + c.Name})
			continue
		}
		wrong = append(wrong, compare(c, there[c.Name])...)
	}
	for _, c := range answer.GetCollections() {
		known, ok := s.dataset.Collection(c.GetName())
		for _, f := range c.GetFields() {
			if _, named := known.Field(f.GetName()); named && ok {
				continue
			}
			// Names come from the service: they are told only where they are harmless.
			text := "the service has a field that the dataset does not name"
			if len(personal(f)) > 0 {
				wrong = append(wrong, connector.Place{Path: known.Name, Text: text + ", with data of people"})
			} else if ok {
				remarks = append(remarks, known.Name+": "+text)
			}
		}
	}
	if len(wrong) > 0 {
		return nil, nil, wrong
	}
	return there, remarks, nil
}

// compare lists where a collection is not as the dataset has it. What holds nothing
// of a person is the service's own matter.
func compare(c dataset.Collection, there *holderv1.DescribedCollection) (wrong connector.Mismatch) {
	for _, f := range c.Fields {
		i := slices.IndexFunc(there.GetFields(), func(d *holderv1.DescribedField) bool { return d.GetName() == f.Name })
		path := c.Name + "." + f.Name
		switch {
		case len(f.Personal()) == 0 || c.Skip:
		case i < 0:
			wrong = append(wrong, connector.Place{Path: path, Text: "the service has no field " + path})
		case !slices.Equal(sorted(f.Personal()), sorted(personal(there.GetFields()[i]))):
			wrong = append(wrong, connector.Place{Path: path, Text: "the service gives other categories to " + path})
		case (f.Keep || c.Keep) && !there.GetFields()[i].GetFixed():
			wrong = append(wrong, connector.Place{Path: path, Text: "the dataset keeps " + path + ", and the service would clear it"})
		}
	}
	return wrong
}

func personal(f *holderv1.DescribedField) []string {
	return slices.DeleteFunc(slices.Clone(f.GetCategories()), func(c string) bool { return !dataset.Personal(c) })
}

func sorted(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }

// parts are what each answer has once.
func (s *System) parts() []connector.Part {
	var out []connector.Part
	for _, c := range s.dataset.Collections {
		if c.Skip {
			continue
		}
		for _, category := range c.Categories() {
			out = append(out, connector.Part{Collection: c.Name, Category: category})
		}
	}
	return out
}

func (s *System) person(p connector.Person) *holderv1.Person {
	out := &holderv1.Person{Tenant: s.tenant, DigestKey: p.Key}
	for _, i := range p.Identifiers {
		out.Identifiers = append(out.Identifiers, &holderv1.Identifier{Kind: i.Kind, Value: i.Value})
	}
	if p.Zone != nil {
		out.Zone = p.Zone.String()
	}
	return out
}

// Locate counts what the service holds of a person.
func (s *System) Locate(ctx context.Context, p connector.Person) ([]connector.Found, error) {
	if _, _, err := s.describe(ctx); err != nil {
		return nil, err
	}
	answer, err := s.holder.LocateData(ctx, &holderv1.LocateDataRequest{Person: s.person(p)})
	if err != nil {
		return nil, failed("locate", err)
	}
	return found("locate", answer.GetFound(), s.parts())
}

// found reads counts: each part that is expected once, and no other.
func found(doing string, given []*holderv1.Found, want []connector.Part) ([]connector.Found, error) {
	var out []connector.Found
	for _, part := range want {
		i := slices.IndexFunc(given, func(f *holderv1.Found) bool { return is(f.GetPart(), part) })
		if i < 0 {
			return nil, failed(doing, connector.ErrMismatch)
		}
		g := given[i]
		f := connector.Found{Part: part, Rows: g.GetRows(), Shared: g.GetShared()}
		if n := copy(f.Digest[:], g.GetDigest()); len(g.GetDigest()) > 0 && (n != len(f.Digest) || len(g.GetDigest()) != n) {
			return nil, failed(doing, connector.ErrMismatch)
		}
		if at := g.GetSince(); at != nil {
			if at.CheckValid() != nil {
				return nil, failed(doing, connector.ErrMismatch)
			}
			f.Since = at.AsTime()
		}
		out = append(out, f)
	}
	if len(given) != len(want) {
		return nil, failed(doing, connector.ErrMismatch)
	}
	return out, nil
}

func is(p *holderv1.Part, part connector.Part) bool {
	return p.GetCollection() == part.Collection && p.GetCategory() == part.Category
}

// Collect gives each row to yield.
func (s *System) Collect(ctx context.Context, p connector.Person, yield func(connector.Row) error) error {
	return s.rows(ctx, p, func(r *holderv1.CollectDataResponse, c dataset.Collection) error {
		row := connector.Row{Collection: c.Name}
		for _, f := range r.GetFields() {
			described, _ := c.Field(f.GetName())
			category := ""
			if all := slices.Concat(described.Personal(), described.Categories); len(all) > 0 {
				category = all[0]
			}
			row.Columns = append(row.Columns, connector.Column{Name: f.GetName(), Category: category, Value: value(f.GetValue())})
		}
		return yield(row)
	})
}

// rows reads every row that the service shows, each as the dataset describes it.
func (s *System) rows(ctx context.Context, p connector.Person, each func(*holderv1.CollectDataResponse, dataset.Collection) error) error {
	if _, _, err := s.describe(ctx); err != nil {
		return err
	}
	ctx, awake, stop := s.watched(ctx)
	defer stop()
	stream, err := s.holder.CollectData(ctx, &holderv1.CollectDataRequest{Person: s.person(p)}, grpc.MaxCallRecvMsgSize(maxMessage))
	if err != nil {
		return failed("collect", err)
	}
	for {
		r, err := stream.Recv()
		if ended(err) {
			return nil
		}
		if err != nil {
			return failed("collect", cause(ctx, err))
		}
		awake()
		c, ok := s.dataset.Collection(r.GetCollection())
		if !ok {
			return failed("collect", connector.ErrMismatch)
		}
		if c.Skip {
			continue
		}
		for _, f := range c.Fields {
			if len(f.Personal()) > 0 && !slices.ContainsFunc(r.GetFields(), func(g *holderv1.Field) bool { return g.GetName() == f.Name }) {
				return failed("collect", connector.ErrMismatch)
			}
		}
		if err := each(r, c); err != nil {
			return err
		}
		awake()
	}
}

func value(v *holderv1.Value) any {
	switch v := v.GetKind().(type) {
	case *holderv1.Value_Bool:
		return v.Bool
	case *holderv1.Value_Int64:
		return v.Int64
	case *holderv1.Value_Double:
		return v.Double
	case *holderv1.Value_Text:
		return v.Text
	case *holderv1.Value_Bytes:
		return v.Bytes
	case *holderv1.Value_Time:
		return v.Time.AsTime()
	}
	return nil
}

func stamp(at time.Time) *timestamppb.Timestamp {
	if at.IsZero() {
		return nil
	}
	return timestamppb.New(at)
}
