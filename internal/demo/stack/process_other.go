//go:build unix && !linux

package stack

import "syscall"

// childAttributes keeps a child out of the terminal's Ctrl-C, so that the
// order of stopping is ours.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
