package consentd_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/consentd"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/daemon/env"
	"habeas.internal/services/internal/policydoc"
	"habeas.internal/services/internal/stores"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

var errStarted = errors.New("it started")

// starts says how a start with stores in these regions ends: errStarted, or what
// stopped it.
func (w *world) starts(t *testing.T, regions stores.Regions) error {
	t.Helper()
	w.regions = regions
	var cfg consentd.Config
	if err := env.Load(w.environ(t), &cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	started := false
	err := consentd.Run(ctx, cfg, daemon.World{Out: w.out, Started: func(daemon.Running) { started = true; cancel() }})
	if started {
		return errStarted
	}
	return err
}

func but(name string, in ...string) stores.Regions {
	r := stores.All("us")
	r[name] = in
	return r
}

func TestAStoreWhereAPolicyForbidsItStopsTheStart(t *testing.T) {
	w := newWorld(t)
	if err := w.starts(t, nil); !errors.Is(err, errStarted) {
		t.Errorf("while nobody has promised anything: %v", err)
	}
	w.regions = stores.All("us")
	r, stop := w.start(t)
	publishAll(t, w.dial(t, r, "dpo"))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	for _, name := range stores.Names() {
		for what, regions := range map[string]stores.Regions{
			"is in de,": but(name, "de"), "copy in de,": but(name, "us", "de"), "does not say": but(name),
		} {
			err := w.starts(t, regions)
			for _, part := range []string{"STORE_REGION_NOT_ALLOWED: " + name + " is in", "of policy personnel-technology of tenant acme"} {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("%s %s: %v, without %q", name, what, err, part)
				}
			}
		}
	}
	if err := w.starts(t, stores.All("us")); !errors.Is(err, errStarted) {
		t.Errorf("with every store at home: %v", err)
	}
}

func TestAPolicyThatForbidsTheRegionOfAStoreIsNotPosted(t *testing.T) {
	for _, tc := range []struct {
		name, policy string
		regions      stores.Regions
		reason       string
	}{
		{"a bucket abroad", "personnel-technology", but(stores.Packages, "de"), "PACKAGES_REGION_NOT_ALLOWED"},
		{"a backup abroad", "personnel-technology", but(stores.Backup, "de"), "BACKUP_REGION_NOT_ALLOWED"},
		{"a key store of which nobody says where it is", "personnel-technology", but(stores.KMS), "KMS_REGION_NOT_ALLOWED"},
		{"a bucket abroad, and no promise", "caseworks", but(stores.Packages, "de"), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			w.regions = tc.regions
			r, _ := w.start(t)
			c := consentv1.NewPolicyServiceClient(w.dial(t, r, "dpo"))
			b, err := fs.ReadFile(policydoc.Published(), tc.policy+".yaml")
			if err != nil {
				t.Fatal(err)
			}
			doc, err := policydoc.Parse(b)
			if err != nil {
				t.Fatal(err)
			}
			if _, err = c.PublishPolicy(deadline(t), &consentv1.PublishPolicyRequest{RequestId: request(1), Document: b}); err != nil {
				t.Fatal(err)
			}
			_, err = c.PostPolicy(deadline(t), &consentv1.PostPolicyRequest{
				RequestId: request(2), Policy: tc.policy, Version: 1, TextHash: doc.TextSHA256, PostedAt: timestamppb.Now(),
			})
			if got := reasonOf(err); got != tc.reason {
				t.Errorf("posting: %v, want %q", err, tc.reason)
			}
		})
	}
}

func reasonOf(err error) string {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}
