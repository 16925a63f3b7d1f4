package consents

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"

	"habeas.internal/services/bench/internal/eventlog"
	"habeas.internal/services/bench/internal/measure"
	"habeas.internal/services/bench/internal/servers"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// addPeer adds OpenFGA, if it is wanted.
func addPeer(ctx context.Context, w *world, p people) error {
	if !w.in.OpenFGA {
		return nil
	}
	database, err := w.section.StartPostgres(ctx, w.in)
	if err != nil || database == nil {
		return err
	}
	server, err := servers.StartOpenFGA(ctx, filepath.Join(w.in.Dir, w.section.Name+"-openfga"), database)
	if err != nil {
		return err
	}
	w.section.Closing(server.Stop)
	peer := &peer{people: p, http: server.HTTP}
	if err := peer.tell(ctx); err != nil {
		return err
	}
	if peer.conn, err = grpc.NewClient(server.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(written{}))); err != nil {
		return err
	}
	w.section.Closing(peer.conn.Close)
	for _, n := range callers() {
		w.section.Variants = append(w.section.Variants, measure.Variant{Name: PeerCheck, Callers: n, Op: peer.check, CPU: eventlog.Sum(server.CPU, database.CPU)})
	}
	return nil
}

// peer asks OpenFGA what consent is asked.
type peer struct {
	people
	http         string
	conn         *grpc.ClientConn
	store, model string
}

// relations are a person's yes and no to a purpose.
func relation(given bool) string {
	if given {
		return "granted"
	}
	return "refused"
}

// tell makes a store and tells it all decisions.
func (p *peer) tell(ctx context.Context) error {
	var made struct {
		ID    string `json:"id"`
		Model string `json:"authorization_model_id"`
	}
	if err := p.post(ctx, "/stores", map[string]any{"name": "bench"}, &made); err != nil {
		return err
	}
	p.store = made.ID
	direct := map[string]any{"directly_related_user_types": []any{map[string]string{"type": "purpose"}}}
	this := map[string]any{"this": map[string]any{}}
	if err := p.post(ctx, "/stores/"+p.store+"/authorization-models", map[string]any{
		"schema_version": "1.1", "type_definitions": []any{
			map[string]any{"type": "purpose"},
			map[string]any{
				"type": "subject", "relations": map[string]any{relation(true): this, relation(false): this},
				"metadata": map[string]any{"relations": map[string]any{relation(true): direct, relation(false): direct}},
			},
		},
	}, &made); err != nil {
		return err
	}
	p.model = made.Model
	var facts []map[string]string
	for i, ref := range p.people {
		for _, purpose := range purposes() {
			facts = append(facts, map[string]string{"user": "purpose:" + purpose[0], "relation": relation(agreed(i)), "object": "subject:" + ref})
		}
	}
	return p.write(ctx, facts)
}

func (p *peer) write(ctx context.Context, facts []map[string]string) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for some := range slices.Chunk(facts, servers.OpenFGAWrite) {
		g.Go(func() error {
			return p.post(ctx, "/stores/"+p.store+"/write", map[string]any{
				"writes": map[string]any{"tuple_keys": some}, "authorization_model_id": p.model,
			}, nil)
		})
	}
	return g.Wait()
}

func (p *peer) post(ctx context.Context, path string, body, answer any) (err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.http+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("tell openfga: %w", err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	said, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("tell openfga: %w", err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("tell openfga: %s: %s", response.Status, said)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(said, answer)
}

// check asks whether a purpose is granted by somebody.
func (p *peer) check(ctx context.Context, _ int) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	q, allowed := p.any()
	request, answer := p.encode(q.GetSubjectRef(), q.GetPurpose()), message(nil)
	if err := p.conn.Invoke(ctx, "/openfga.v1.OpenFGAService/Check", &request, &answer); err != nil {
		return fmt.Errorf("openfga check: %w", err)
	}
	got, err := answer.allowed()
	if err == nil && got != allowed {
		return fmt.Errorf("openfga's answer is %t, want %t", got, allowed)
	}
	return err
}

// message is one of OpenFGA's, as it travels. Its contract is no part of our module.
type message []byte

// Numbers of fields of openfga.v1's CheckRequest, CheckRequestTupleKey and
// CheckResponse.
const (
	fieldStore, fieldTuple, fieldModel    = 1, 2, 4
	fieldUser, fieldRelation, fieldObject = 1, 2, 3
	fieldAllowed                          = 1
)

func (p *peer) encode(ref, purpose string) message {
	text := func(b []byte, field protowire.Number, value string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), value)
	}
	tuple := text(text(text(nil, fieldUser, "purpose:"+purpose), fieldRelation, relation(true)), fieldObject, "subject:"+ref)
	b := text(nil, fieldStore, p.store)
	b = protowire.AppendBytes(protowire.AppendTag(b, fieldTuple, protowire.BytesType), tuple)
	return text(b, fieldModel, p.model)
}

// allowed reads an answer.
func (m message) allowed() (bool, error) {
	for b := []byte(m); len(b) > 0; {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return false, protowire.ParseError(n)
		}
		if field == fieldAllowed && kind == protowire.VarintType {
			v, n := protowire.ConsumeVarint(b[n:])
			if n < 0 {
				return false, protowire.ParseError(n)
			}
			return v != 0, nil
		}
		size := protowire.ConsumeFieldValue(field, kind, b[n:])
		if size < 0 {
			return false, protowire.ParseError(size)
		}
		b = b[n+size:]
	}
	return false, nil // a false is not sent
}

// written is the codec of messages that are encoded already.
type written struct{}

// Marshal passes a message on.
func (written) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(*message)
	if !ok {
		return nil, fmt.Errorf("%T is no message", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(*m)}, nil
}

// Unmarshal passes a message on.
func (written) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(*message)
	if !ok {
		return fmt.Errorf("%T is no message", v)
	}
	*m = data.Materialize()
	return nil
}

// Name is what servers know the encoding by.
func (written) Name() string { return "proto" }
