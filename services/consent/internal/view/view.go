// Package view is the list of a tenant's policies: which versions there are and
// which were posted. Nobody decides by it; what a policy says is read from the
// log.
package view

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"habeas.internal/services/consent/policy"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/readmodel"

	"github.com/redis/go-redis/v9"
)

// Model is the read model.
func Model(registry es.Registry[policy.Event]) readmodel.Model {
	return readmodel.Model{Name: "policies", Version: 1, Project: func(r es.Recorded) ([]readmodel.Write, error) {
		if r.Aggregate.Type != policy.AggregateType {
			return nil, nil
		}
		events, err := registry.DecodeAll(r.Commit)
		if err != nil {
			return nil, err
		}
		var out []readmodel.Write
		for _, ev := range events {
			out = append(out, project(r.Aggregate, ev)...)
		}
		return out, nil
	}}
}

func project(agg es.Aggregate, ev policy.Event) []readmodel.Write {
	set := func(key string, version uint32, value string) []readmodel.Write {
		field := agg.ID + "/" + strconv.FormatUint(uint64(version), 10)
		return []readmodel.Write{{Command: "HSET", Key: key, Args: []string{field, value}}}
	}
	switch e := ev.(type) {
	case policy.Published:
		return set(publishedKey(agg.Tenant), e.Version, e.Hash)
	case policy.PublishingRefused:
	case policy.Posted:
		return set(postedKey(agg.Tenant), e.Version, e.PostedAt.UTC().Format(time.RFC3339Nano))
	case policy.PostingRefused:
	}
	return nil
}

func publishedKey(tenant string) string { return "published:" + tenant }

func postedKey(tenant string) string { return "posted:" + tenant }

// Row is one version.
type Row struct {
	Policy   string
	Version  uint32
	Hash     string
	PostedAt time.Time // zero: not posted
}

// Lister lists policies.
type Lister struct {
	Reader *readmodel.Reader
	Shards []es.Aggregate // one in each shard
}

// List is every version of a tenant's policies, by policy and version, not
// older than want.
func (l Lister) List(ctx context.Context, tenant string, want es.Token) ([]Row, error) {
	var out []Row
	for _, shard := range l.Shards {
		rows, err := l.shard(ctx, shard, tenant, want)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	slices.SortFunc(out, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Version, b.Version))
	})
	return out, nil
}

func (l Lister) shard(ctx context.Context, shard es.Aggregate, tenant string, want es.Token) ([]Row, error) {
	var published, posted *redis.MapStringStringCmd
	_, err := l.Reader.Read(ctx, shard, want, func(p redis.Pipeliner, key func(string) string) {
		published = p.HGetAll(ctx, key(publishedKey(tenant)))
		posted = p.HGetAll(ctx, key(postedKey(tenant)))
	})
	if err != nil {
		return nil, err
	}
	var out []Row
	for field, hash := range published.Val() {
		r, err := row(field, hash, posted.Val()[field])
		if err != nil {
			return nil, fmt.Errorf("read row of policies: %w", err)
		}
		out = append(out, r)
	}
	return out, nil
}

func row(field, hash, posted string) (Row, error) {
	id, number, _ := strings.Cut(field, "/")
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return Row{}, err
	}
	r := Row{Policy: id, Version: uint32(n), Hash: hash}
	if posted != "" {
		r.PostedAt, err = time.Parse(time.RFC3339Nano, posted)
	}
	return r, err
}
