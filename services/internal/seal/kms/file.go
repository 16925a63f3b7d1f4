package kms

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

const (
	kekSize    = 32
	checkSize  = 8
	fileMagic  = "habeas-kek/v1\n"
	fileSize   = len(fileMagic) + kekSize + checkSize
	fileSuffix = ".kek"
	goneSuffix = ".gone"
	tempPrefix = ".new-"
)

var fileName = regexp.MustCompile(`^([a-z0-9_-]{1,64})\.([0-9a-f]{2})\.([1-9][0-9]{0,18})\.kek$`)

// File keeps each KEK in a file of its own, readable by its owner only. It is
// the embedded default and no more: whoever reads the disk has the keys, and
// an overwritten file may live on in a snapshot or in a solid-state disk's
// spare area. Certificates say so.
type File struct{ dir string }

// OpenFile uses dir, which it makes with mode 0700. A folder that others may
// enter is refused.
func OpenFile(dir string) (*File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make key folder: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("look at key folder: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("key folder has mode %o, want 0700: %w", info.Mode().Perm(), ErrDamaged)
	}
	f := &File{dir: dir}
	return f, f.locked(f.removeUnfinished)
}

// LookAt uses a folder that exists, for reading: it makes and removes nothing.
func LookAt(dir string) (*File, error) {
	if _, err := os.ReadDir(dir); err != nil {
		return nil, fmt.Errorf("look at key folder: %w", err)
	}
	return &File{dir: dir}, nil
}

// removeUnfinished destroys what a crash left of a creation: a key that nobody
// was given.
func (f *File) removeUnfinished() error {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return fmt.Errorf("list keys: %w", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), tempPrefix) {
			continue
		}
		if err := f.shred(filepath.Join(f.dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// Create is part of Store.
func (f *File) Create(_ context.Context, ref Ref) error {
	path, err := f.path(ref)
	if err != nil {
		return err
	}
	return f.locked(func() error {
		gone, err := f.gone(ref)
		if err != nil {
			return err
		}
		if ref.Epoch <= gone {
			return &Destroyed{Through: gone}
		}
		_, err = os.Stat(path)
		if err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look for key %s: %w", ref, err)
		}
		return f.makeKey(path)
	})
}

func (f *File) makeKey(path string) error {
	var kek [kekSize]byte
	defer clear(kek[:])
	if _, err := rand.Read(kek[:]); err != nil {
		return fmt.Errorf("read randomness: %w", err)
	}
	content := encodeFile(kek[:])
	defer clear(content)
	return f.write(path, content)
}

// gonePath is the tombstone of a partition's destroyed KEKs.
func (f *File) gonePath(ref Ref) string {
	return filepath.Join(f.dir, ref.Tenant+"."+ref.Partition+goneSuffix)
}

// gone is the highest epoch of the partition that was destroyed, or zero.
func (f *File) gone(ref Ref) (uint64, error) {
	content, err := os.ReadFile(f.gonePath(ref))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read tombstone of keys: %w", err)
	}
	through, err := strconv.ParseUint(string(content), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read tombstone of keys: %w", ErrDamaged)
	}
	return through, nil
}

// write puts a file in place at once, and makes it last.
func (f *File) write(path string, content []byte) error {
	temp, err := os.CreateTemp(f.dir, tempPrefix+"*") // mode 0600
	if err != nil {
		return fmt.Errorf("make key file: %w", err)
	}
	_, err = temp.Write(content)
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write key file: %w", err), f.shred(temp.Name()))
	}
	return syncDir(f.dir)
}

// AEAD is part of Store.
func (f *File) AEAD(_ context.Context, ref Ref) (AEAD, error) {
	path, err := f.path(ref)
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoKEK
	}
	if err != nil {
		return nil, fmt.Errorf("read key %s: %w", ref, err)
	}
	defer clear(content)
	kek, err := decodeFile(content)
	if err != nil {
		return nil, fmt.Errorf("read key %s: %w", ref, err)
	}
	return Local(kek)
}

// Destroy is part of Store: the tombstone is written, then each file is
// overwritten and removed.
func (f *File) Destroy(ctx context.Context, ref Ref) (string, error) {
	if _, err := f.path(ref); err != nil {
		return "", err
	}
	if err := f.locked(func() error { return f.destroy(ctx, ref) }); err != nil {
		return "", err
	}
	return "file:" + ref.String(), nil
}

func (f *File) destroy(ctx context.Context, ref Ref) error {
	gone, err := f.gone(ref)
	if err == nil && gone < ref.Epoch {
		err = f.write(f.gonePath(ref), []byte(strconv.FormatUint(ref.Epoch, 10)))
	}
	if err != nil {
		return err
	}
	all, err := f.List(ctx)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.Tenant != ref.Tenant || r.Partition != ref.Partition || r.Epoch > ref.Epoch {
			continue
		}
		path, err := f.path(r)
		if err == nil {
			err = f.shred(path)
		}
		if err != nil {
			return err
		}
	}
	return syncDir(f.dir)
}

// shred overwrites a file, syncs it, removes it and syncs the folder. A file
// that is not there is done.
func (f *File) shred(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return syncDir(f.dir)
	}
	if err != nil {
		return fmt.Errorf("open key file: %w", err)
	}
	noise := make([]byte, fileSize)
	_, err = rand.Read(noise)
	if err == nil {
		_, err = file.WriteAt(noise, 0)
	}
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("overwrite key file: %w", err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove key file: %w", err)
	}
	return syncDir(f.dir)
}

// List is part of Store.
func (f *File) List(context.Context) ([]Ref, error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	var out []Ref
	for _, e := range entries {
		m := fileName.FindStringSubmatch(e.Name())
		if m == nil {
			continue
		}
		epoch, err := strconv.ParseUint(m[3], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("list keys: %w", err)
		}
		out = append(out, Ref{Tenant: m[1], Partition: m[2], Epoch: epoch})
	}
	return out, nil
}

func (f *File) path(ref Ref) (string, error) {
	name := fmt.Sprintf("%s.%s.%d%s", ref.Tenant, ref.Partition, ref.Epoch, fileSuffix)
	if !fileName.MatchString(name) {
		return "", ErrReference
	}
	return filepath.Join(f.dir, name), nil
}

// A key file holds a label, the key, and eight bytes by which a damaged one is
// told from another key.
func encodeFile(kek []byte) []byte {
	sum := sha256.Sum256(append([]byte(fileMagic), kek...))
	return append(append([]byte(fileMagic), kek...), sum[:checkSize]...)
}

func decodeFile(content []byte) ([]byte, error) {
	if len(content) != fileSize {
		return nil, ErrDamaged
	}
	kek := content[len(fileMagic) : len(fileMagic)+kekSize]
	if subtle.ConstantTimeCompare(encodeFile(kek), content) != 1 {
		return nil, ErrDamaged
	}
	return kek, nil
}
