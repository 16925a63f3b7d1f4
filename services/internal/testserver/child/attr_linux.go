package child

import "syscall"

// attributes makes the kernel kill the child when the test binary dies: a test
// that panics or times out runs no cleanup. The child leads a group, so that
// its own children can be signalled with it.
func attributes(credential *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: credential}
}
