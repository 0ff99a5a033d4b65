package stack

import "syscall"

// childAttributes ties a child to us: it dies with us whatever kills us, and
// keeps out of the terminal's Ctrl-C, so that the order of stopping is ours.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
