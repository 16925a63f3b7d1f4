//go:build unix && !linux

package child

import "syscall"

// attributes cannot tie the child to its parent on this system. The child leads
// a group, so that its own children can be signalled with it.
func attributes(credential *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: credential}
}
