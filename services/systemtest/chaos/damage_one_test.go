package chaos_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/testserver"
)

// damage is something that happens to the files of a stream while the server
// is down.
type damage struct {
	name string
	do   func(t *testing.T, f files, tr truth)
	// lost is the first sequence that can't be read any more; 0 if that
	// depends on where the server cut its files.
	lost func(tr truth) uint64
	// harmless damage loses nothing.
	harmless bool
	// counted damage is in the server's own count, so that everybody who uses
	// the stream sees it. Other damage shows only to who reads what was lost,
	// and to who remembers that there was more.
	counted bool
	// closed: a service that starts reads it.
	closed bool
}

func middle(tr truth) es.Recorded      { return tr.commits[len(tr.commits)/2] }
func middleSeq(tr truth) uint64        { return middle(tr).Position.Seq }
func lastSeq(tr truth) uint64          { return tr.last().Position.Seq }
func genesisSeq(truth) uint64          { return 1 }
func serviceKeySeq(truth) uint64       { return 2 }
func dependsOnTheCut(truth) uint64     { return 0 }
func index(t *testing.T, f files)      { t.Helper(); f.forgetIndex(t) }
func nothing(*testing.T, files, truth) {}

func damages() []damage {
	return []damage{
		{name: "nothing", harmless: true, lost: dependsOnTheCut, do: nothing},
		{
			name: "the index is gone", harmless: true, lost: dependsOnTheCut,
			do: func(t *testing.T, f files, _ truth) { index(t, f) },
		},
		{
			name: "a bit of a commit in the middle", lost: middleSeq,
			do: func(t *testing.T, f files, tr truth) { f.flip(t, middle(tr).ID) },
		},
		{
			name: "a bit of a commit in the middle, and the index", counted: true, lost: middleSeq,
			do: func(t *testing.T, f files, tr truth) { f.flip(t, middle(tr).ID); index(t, f) },
		},
		{
			name: "a bit of the last commit", lost: lastSeq,
			do: func(t *testing.T, f files, tr truth) { f.flip(t, tr.last().ID) },
		},
		{
			name: "a bit of the last commit, and the index", lost: lastSeq,
			do: func(t *testing.T, f files, tr truth) { f.flip(t, tr.last().ID); index(t, f) },
		},
		{
			name: "a bit of genesis", closed: true, lost: genesisSeq,
			do: func(t *testing.T, f files, _ truth) { f.flip(t, "log.genesis.v1") },
		},
		{
			name: "a bit of genesis, and the index", counted: true, lost: genesisSeq,
			do: func(t *testing.T, f files, _ truth) { f.flip(t, "log.genesis.v1"); index(t, f) },
		},
		{
			name: "a bit of an announced key", lost: serviceKeySeq,
			do: func(t *testing.T, f files, _ truth) { f.flip(t, "log.key_announced.v1") },
		},
		{
			name: "the end of the first block", counted: true, lost: dependsOnTheCut,
			do: func(t *testing.T, f files, _ truth) { f.truncate(t, 0, 70) },
		},
		{
			name: "the end of the first block, and the index", counted: true, lost: dependsOnTheCut,
			do: func(t *testing.T, f files, _ truth) { f.truncate(t, 0, 70); index(t, f) },
		},
		{
			name: "the end of the last block", counted: true, lost: dependsOnTheCut,
			do: func(t *testing.T, f files, _ truth) { f.truncate(t, len(f.blocks(t))-1, 50) },
		},
		{
			name: "the first block", counted: true, lost: genesisSeq,
			do: func(t *testing.T, f files, _ truth) { f.remove(t, 0) },
		},
	}
}

// some picks damages by name.
func some(names ...string) []damage {
	return slices.DeleteFunc(damages(), func(d damage) bool { return !slices.Contains(names, d.name) })
}

func TestDamageOnTheOnlyReplicaIsNamedAndNeverPassedOver(t *testing.T) {
	damageOnly(t, begin(t, 0), some("the index is gone", "a bit of a commit in the middle", "a bit of the last commit",
		"a bit of genesis", "the end of the last block"))
}

func damageOnly(t *testing.T, c *campaign, which []damage) {
	node, in := onOneNode(t)
	log := in.Open(t, in.connect(t, testserver.Admin))
	tr := fill(t, log, c.seed)
	log.Close()
	if err := node.Stop(); err != nil {
		t.Fatal(err)
	}
	pristine := filepath.Join(t.TempDir(), "pristine")
	copyDir(t, node.Dir(), pristine)
	for _, d := range which {
		t.Run(d.name, func(t *testing.T) {
			restart(t, node, func() { copyDir(t, pristine, node.Dir()) })
			o := observer{log: in.Open(t, in.connect(t, testserver.Admin)), tr: tr, in: in}
			if refused := o.fold(t, es.Leader); len(refused) > 0 {
				t.Fatalf("%d counters are damaged before anything was done", len(refused))
			}
			restart(t, node, func() { d.do(t, streamFiles(t, node.Dir()), tr) })
			d.observe(t, o)
		})
	}
}

// restart ends the server in order, so that it writes its index, and starts
// it again after something was done to its files.
func restart(t *testing.T, node *testserver.Node, between func()) {
	t.Helper()
	if err := node.Stop(); err != nil {
		t.Fatal(err)
	}
	between()
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
}

// observe looks as a service that starts, and as one that ran before: its Log
// knows how far history reached.
func (d damage) observe(t *testing.T, o observer) {
	t.Helper()
	lost := d.lost(o.tr)
	same := func(what string, err error, must bool) {
		t.Helper()
		t.Logf("%s: %v", what, err)
		switch seq := sequenceOf(err); {
		case must && err == nil:
			t.Errorf("%s did not notice", what)
		case d.harmless && err != nil:
			t.Errorf("%s noticed damage where nothing is lost: %v", what, err)
		case err != nil && lost == 0:
			lost = seq
		case err != nil && seq != lost:
			t.Errorf("%s names sequence %d, lost is %d", what, seq, lost)
		}
	}
	lastIs := lost == lastSeq(o.tr)
	commits := o.tr.commits
	same("opening", o.reopen(t), d.counted || d.closed)
	o.fold(t, es.AnyReplica)
	o.fold(t, es.Leader)
	same("a projection from the start", o.project(t, es.Checkpoint{}, !d.harmless), !d.harmless)
	for _, at := range []es.Recorded{commits[len(commits)-2], o.tr.last()} {
		same(fmt.Sprintf("a projection from %d", at.Position.Seq), o.project(t, es.CheckpointAt(at), d.counted || lastIs), d.counted || lastIs)
	}
	same("a process", o.react(t, "p"+es.DeriveID("", "", d.name)), !d.harmless)
	o.handle(t)
}
