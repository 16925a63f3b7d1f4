package cli_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"habeas.internal/services/habeas/internal/cli"
)

// identified are values by which people are known, each as it is given and as it
// is kept. They exist nowhere else.
func identified() map[string][]string {
	return map[string][]string{
		"--email":   {"Wq.Planted-7731@Quarkbottom.example", "wq.planted-7731@quarkbottom.example"},
		"--phone":   {"+49 30 5550177", "+49305550177"},
		"--account": {"acct-quark-9917355"},
		"--device":  {"dev-quark-5517311"},
		"--sso":     {"https://login.example quark-sub-88231"},
		"--cookie":  {"ck-plantedcookie-66120"},
	}
}

// TestTheDataFolderHoldsNobodyInClear registers and resolves people by every kind
// of identifier, is refused for some, and looks for the values in every file of
// the folder, while the installation runs and when it has stopped.
func TestTheDataFolderHoldsNobodyInClear(t *testing.T) {
	in := up(t, filepath.Join(t.TempDir(), "data"))
	if r := in.run(t, "tenant", "create", "demo"); r.code != cli.ExitOK {
		t.Fatalf("exit code %d\n%s", r.code, r.err)
	}
	const card = "4539 5787 6362 1486"
	texts := []string{card, strings.ReplaceAll(card, " ", "")}
	for flag, forms := range identified() {
		r := in.run(t, "subject", "register", flag, forms[0])
		if r.code != cli.ExitOK {
			t.Fatalf("%s: exit code %d\n%s", flag, r.code, r.err)
		}
		ref := strings.Fields(r.out)[1]
		if r := in.run(t, "subject", "resolve", flag, forms[len(forms)-1]); r.code != cli.ExitOK || !strings.Contains(r.out, ref) {
			t.Errorf("%s is not found: exit code %d\n%s", flag, r.code, r.err)
		}
		if r := in.run(t, "subject", "register", flag, forms[0]+" "+card); r.code == cli.ExitOK {
			t.Errorf("a card number is taken in by %s", flag)
		}
		texts = append(texts, forms...)
	}
	in.lacks(t, texts)
	if r := in.stop(); r.code != cli.ExitOK {
		t.Fatalf("exit code %d\n%s", r.code, r.err)
	}
	in.lacks(t, texts)
}

// lacks looks for texts in every file of the folder: as they are, in another
// case, in hexadecimal and in base64 at each of its three alignments.
func (in *installation) lacks(t *testing.T, texts []string) {
	t.Helper()
	var forms []string
	for _, text := range texts {
		forms = append(forms, strings.ToLower(text), hex.EncodeToString([]byte(text)))
		for shift := range 3 {
			coded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + text))
			if inner := coded[4 : len(coded)-4]; len(inner) >= 8 { // less is found by chance
				forms = append(forms, strings.ToLower(inner))
			}
		}
	}
	files := 0
	err := filepath.WalkDir(in.data, func(path string, d os.DirEntry, err error) error {
		if os.IsNotExist(err) || err == nil && !d.Type().IsRegular() {
			return nil // a running installation may have taken it away
		}
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil
		}
		files++
		content = bytes.ToLower(content)
		for _, form := range forms {
			if bytes.Contains(content, []byte(form)) {
				t.Errorf("%s holds %q", path, form)
			}
		}
		return err
	})
	if err != nil || files < 20 {
		t.Errorf("%d files were searched: %v", files, err)
	}
}
