package eventlog

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"habeas.internal/services/bench/internal/measure"
	"habeas.internal/services/bench/internal/servers"

	"github.com/jackc/pgx/v5"
)

const (
	createTable = `create table events (stream_id text not null, version int not null, type text not null, data jsonb not null)`
	createIndex = `alter table events add unique (stream_id, version)`
	insertEvent = `insert into events (stream_id, version, type, data) values ($1, $2, $3, $4)`
	selectAll   = `select version, type, data from events where stream_id = $1 order by version`
)

// document is an event's data as PostgreSQL keeps it: eventBytes of JSON.
func document() string {
	const frame = `{"purpose": ""}`
	raw := make([]byte, (eventBytes-len(frame))/2)
	_, _ = rand.Read(raw) // never fails
	return `{"purpose": "` + hex.EncodeToString(raw) + `"}`
}

// connectAll opens one connection for each caller.
func connectAll(ctx context.Context, s *Section, server *servers.Postgres) ([]*pgx.Conn, error) {
	var conns []*pgx.Conn
	for range most {
		conn, err := server.Connect(ctx)
		if err != nil {
			return nil, err
		}
		s.closing(func() error { return conn.Close(context.WithoutCancel(ctx)) })
		conns = append(conns, conn)
	}
	return conns, nil
}

func addInserts(ctx context.Context, s *Section, in Settings) error {
	server, err := s.StartPostgres(ctx, in)
	if err != nil || server == nil {
		return err
	}
	conns, err := connectAll(ctx, s, server)
	if err != nil {
		return err
	}
	for _, statement := range []string{createTable, createIndex} {
		if _, err := conns[0].Exec(ctx, statement); err != nil {
			return fmt.Errorf("create table: %w", err)
		}
	}
	t := &inserter{conns: conns, working: in.Working, data: document()}
	for _, n := range []int{1, 16, most} {
		s.Variants = append(s.Variants, measure.Variant{Name: PostgresAdd, Callers: n, Op: t.insert, CPU: server.CPU})
	}
	return nil
}

// inserter inserts events; done counts each caller's.
type inserter struct {
	conns   []*pgx.Conn
	done    [most]int
	working int
	data    string
}

func (t *inserter) insert(ctx context.Context, caller int) error {
	n := t.done[caller]
	t.done[caller]++
	stream := fmt.Sprintf("c%02d-%06d", caller, n%t.working)
	if _, err := t.conns[caller].Exec(ctx, insertEvent, stream, n/t.working+1, "decision.given", t.data); err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	return nil
}
