package jetstream

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"habeas.internal/services/internal/es"

	"github.com/nats-io/nats.go/jetstream"
)

// Topology is the shape of an installation. Shards is chosen once: growing
// past it means a new installation fed by export and import.
type Topology struct {
	Contexts []string // each owned by one service
	Shards   int      // per context: a power of two; 4 embedded, 16 in production
	Replicas int      // 1 embedded, 3 in a cluster
}

// ContextAccess is the context of the read log: every service that answers with
// personal data appends to it, and none reads it.
const ContextAccess = "access"

// Contexts are the contexts of the four services, and the read log's.
func Contexts() []string {
	return []string{"identity", "consent", "retention", "fulfilment", ContextAccess}
}

// ServiceKeys names the services that may announce instances in an
// installation of these contexts, and where: each in the context of its name,
// and those that write the read log there too. Their keys are still to be set.
func ServiceKeys(contexts []string) []ServiceKey {
	var out []ServiceKey
	for _, c := range contexts {
		if c == ContextAccess {
			continue
		}
		key := ServiceKey{Service: c, Contexts: []string{c}}
		logs := slices.ContainsFunc(Grants(), func(g Grant) bool { return g.Name == c && g.Logs })
		if logs && slices.Contains(contexts, ContextAccess) {
			key.Contexts = append(key.Contexts, ContextAccess)
		}
		out = append(out, key)
	}
	return out
}

// Validate reports a topology that can't be provisioned.
func (t Topology) Validate() error {
	if !es.ValidShards(t.Shards) || t.Replicas < 1 || t.Replicas > 5 || len(t.Contexts) == 0 {
		return fmt.Errorf("topology: shards must be a power of two, replicas 1 to 5, contexts named: %w", es.ErrConfiguration)
	}
	for _, c := range t.Contexts {
		if (es.Aggregate{Context: c, Tenant: "t", Type: "t", ID: "t"}).Validate() != nil {
			return fmt.Errorf("topology: context name: %w", es.ErrConfiguration)
		}
	}
	return nil
}

// Names of the mutable streams.
const (
	StreamSuppression = "HABEAS_SUPPRESSION"
	StreamPark        = "HABEAS_PARK"
	streamRoot        = "HABEAS_"
	vaultRoot         = "HABEAS_VAULT_"
	timersRoot        = "HABEAS_TIMERS_"
)

// Metadata keys of every stream.
const (
	metaInstallation = "habeas_installation"
	metaEpoch        = "habeas_epoch"
	metaShards       = "habeas_shards"
	metaSchema       = "habeas_schema"
)

// StreamName is the name of one shard of a context.
func StreamName(context string, shard int) string {
	return fmt.Sprintf("%s%s_%02x", streamRoot, strings.ToUpper(context), shard)
}

// TimersStream is the name of the stream of a context's timers. Each context has
// its own: a message in a stream may empty it of everything, and may have another
// one published to any subject of that stream.
func TimersStream(context string) string { return timersRoot + strings.ToUpper(context) }

// timed are the contexts that have timers: all but the read log's.
func (t Topology) timed() []string {
	return slices.DeleteFunc(slices.Clone(t.Contexts), func(c string) bool { return c == ContextAccess })
}

// VaultStream is the name of one shard of the vault.
func VaultStream(shard int) string { return fmt.Sprintf("%s%02x", vaultRoot, shard) }

func partitionSubjects(root string, k, n int) []string {
	parts := es.ShardPartitions(k, n)
	for i, p := range parts {
		parts[i] = root + p + ".>"
	}
	return parts
}

// maxHeaderBytes is what the server takes of headers beside a commit.
const maxHeaderBytes = 64 << 10

// unlimited is what log and vault streams share: file storage, no limits, no
// expiry, no compression.
func unlimited(name string, subjects []string, replicas int, meta map[string]string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: name, Subjects: subjects, Storage: jetstream.FileStorage, Replicas: replicas,
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
		MaxMsgs: -1, MaxBytes: -1, MaxMsgsPerSubject: -1, MaxMsgSize: es.MaxCommitBytes + maxHeaderBytes,
		Duplicates: 2 * time.Minute, Compression: jetstream.NoCompression, Metadata: meta,
	}
}

func logConfig(context string, shard, shards, replicas int, meta map[string]string) jetstream.StreamConfig {
	c := unlimited(StreamName(context, shard), partitionSubjects("habeas.ev."+context+".", shard, shards), replicas, meta)
	c.AllowDirect, c.DenyDelete, c.DenyPurge, c.AllowAtomicPublish = true, true, true, true
	return c
}

// mutableConfigs are the streams whose content must be destroyable: no
// direct reads, so that every read is the leader's.
func mutableConfigs(t Topology, meta func() map[string]string) []jetstream.StreamConfig {
	var out []jetstream.StreamConfig
	for k := range t.Shards {
		out = append(out, unlimited(VaultStream(k), partitionSubjects("habeas.vault.", k, t.Shards), t.Replicas, meta()))
	}
	out = append(out, unlimited(StreamSuppression, []string{"habeas.suppression.>"}, t.Replicas, meta()))
	park := unlimited(StreamPark, []string{"habeas.park.>"}, t.Replicas, meta())
	for _, context := range t.timed() {
		timers := unlimited(TimersStream(context), []string{timerRoot + context + ".>", dueRoot + context + ".>"}, t.Replicas, meta())
		timers.AllowMsgSchedules, timers.AllowMsgTTL, timers.AllowRollup = true, true, true
		out = append(out, timers)
	}
	return append(out, park) // last: see Provision
}

// configJSON is a configuration in the form that genesis records: as the
// server holds it, without the server's own notes.
func configJSON(c jetstream.StreamConfig) ([]byte, error) {
	c.Metadata = maps.Clone(c.Metadata)
	maps.DeleteFunc(c.Metadata, func(k, _ string) bool { return strings.HasPrefix(k, "_nats.") })
	slices.Sort(c.Subjects)
	b, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode configuration of %s: %w", c.Name, err)
	}
	return b, nil
}
