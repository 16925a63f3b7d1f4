package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"habeas.internal/services/habeas/internal/local"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/jetstream"
)

// keysDiagnosis is what was found of the keys that wrap people's keys.
type keysDiagnosis struct {
	Folder string `json:"folder"`
	State  string `json:"state"`
	// Reason is that of the first key that can't be used.
	Reason   string       `json:"reason,omitempty"`
	Detail   string       `json:"detail,omitempty"`
	Needed   int          `json:"needed"`
	Opened   int          `json:"secrets_opened"`
	Unusable []keyFinding `json:"unusable,omitempty"`
}

type keyFinding struct {
	Key    string `json:"key"` // tenant/partition/epoch
	Reason string `json:"reason"`
}

// keksFolder is the folder of key-encryption keys that this machine has; empty
// where it has none.
func (a *app) keksFolder(c local.Client) string {
	if a.set.Vault.Keys == "" && c.Log.Data != "" {
		return filepath.Join(c.Log.Data, "keks")
	}
	return a.set.Vault.Keys
}

// diagnoseKeys looks whether each key that the vault needs is there and opens
// what it should; thorough opens everything.
func (a *app) diagnoseKeys(ctx context.Context, cfg jetstream.Config, folder string, thorough bool) *keysDiagnosis {
	d := &keysDiagnosis{Folder: folder, State: well}
	found, err := local.ExamineKeys(ctx, cfg, folder, thorough)
	d.Needed, d.Opened = found.Needed, found.Opened
	if err != nil {
		d.State, d.Reason = judge(err)
		d.Detail = err.Error()
		return d
	}
	for _, u := range found.Unusable {
		d.State = damaged
		d.Unusable = append(d.Unusable, keyFinding{u.Ref.String(), local.KeyReason(u.Err)})
	}
	if len(d.Unusable) > 0 {
		d.Reason = d.Unusable[0].Reason
		d.Detail = fmt.Sprintf("%d of %d keys can't be used, first %s", len(d.Unusable), d.Needed, d.Unusable[0].Key)
	}
	return d
}

// keyLost is the reason of a key that the log tells of and the vault does not hold.
const keyLost = "KEY_LOST"

// addLost compares the log with the vault. What keeps it from that is found where
// the streams are looked at.
func (a *app) addLost(ctx context.Context, cfg jetstream.Config, d *diagnosis) {
	lost, err := local.LostKeys(ctx, cfg)
	if err != nil {
		a.warn("the log and the vault could not be compared: " + err.Error())
		d.worsen(unknown)
		return
	}
	if d.Lost = lost; len(lost) > 0 {
		d.worsen(damaged)
	}
}

// stopped opens the log of a data folder on which no installation runs, for the
// length of a command.
func (a *app) stopped(ctx context.Context, c local.Client) (closing func() error, err error) {
	log, err := local.OpenOffline(ctx, c.Log.Data)
	if errors.Is(err, local.ErrInUse) {
		return nil, fmt.Errorf("%w: the log of %s does not answer: %w", es.ErrUnavailable, c.Log.Data, err)
	}
	if err != nil {
		return nil, err
	}
	a.set.NATS.URL = log.URL()
	return log.Close, nil
}

// remedies are what to do about what doctor finds, by reason code.
func remedies(reason string) string {
	switch reason {
	case "":
		return ""
	case keyLost:
		return "restore the vault's streams from a replica or a backup; what the key sealed can't be read until then, and no other key is made in its place"
	case "KEK_LOST", "KEK_DAMAGED", "KEK_MISMATCH":
		return local.KeyRemedy
	case es.CorruptGap, es.CorruptMissing, es.CorruptChain, es.CorruptVersion, es.CorruptEncoding, es.CorruptSignature,
		es.CorruptKey, es.CorruptSubject, es.CorruptHeader, "STREAM_MISSING":
		return "stop the services, keep the files as they are, and restore the stream from a replica or a backup; nothing after that place can be trusted"
	case es.CorruptBehind, es.CorruptDiffers:
		return "the stream was restored from an older copy: restore the newest one"
	case "STREAM_CONFIGURATION_CHANGED":
		return "give the stream its configuration back; `habeas provision` names what differs"
	case "IMPORT_UNFINISHED":
		return "run the same `habeas import` again"
	case "LOG_UNTRUSTED":
		return "check which public key you gave: the log was signed by another"
	case "EVENT_TYPE_UNKNOWN", "COMMIT_UNPROJECTABLE":
		return "run the newest release: the log was written by a newer one"
	case "REPLICA_BEHIND":
		return "wait, and look at that server if it lasts"
	case "UNREACHABLE", "UNAVAILABLE":
		return "start it, or wait; its log says why it does not answer"
	case "PARKED":
		return "`habeas parked list` shows what processes gave up on"
	}
	return "its log says what it waits for"
}

// advice is a line for each reason of a diagnosis, once.
func (d diagnosis) advice() []string {
	var out []string
	said := map[string]bool{}
	say := func(reason string) {
		if text := remedies(reason); text != "" && !said[reason] {
			said[reason] = true
			out = append(out, cells(reason, text))
		}
	}
	if d.Keys != nil {
		say(d.Keys.Reason)
	}
	if len(d.Lost) > 0 {
		say(keyLost)
	}
	for _, s := range d.Streams {
		say(s.Reason)
	}
	for _, s := range d.Services {
		say(s.Reason)
	}
	if d.Parked > 0 {
		say("PARKED")
	}
	return out
}
