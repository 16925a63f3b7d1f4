package child

import "syscall"

// attributes makes the kernel kill the child when the test binary dies: a test
// that panics or times out runs no cleanup.
func attributes(credential *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: credential}
}
