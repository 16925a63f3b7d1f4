package kms

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// locked runs do while no other goroutine or process changes the folder.
func (f *File) locked(do func() error) error {
	dir, err := os.Open(f.dir)
	if err != nil {
		return fmt.Errorf("open key folder: %w", err)
	}
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX); err != nil {
		return errors.Join(fmt.Errorf("lock key folder: %w", err), dir.Close())
	}
	return errors.Join(do(), dir.Close()) // the lock goes with the descriptor
}

// syncDir makes a file's appearing or vanishing survive a loss of power.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open key folder: %w", err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("sync key folder: %w", err)
	}
	return nil
}
