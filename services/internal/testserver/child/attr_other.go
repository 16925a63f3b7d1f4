//go:build unix && !linux

package child

import "syscall"

// attributes cannot tie the child to its parent on this system.
func attributes(credential *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: credential}
}
