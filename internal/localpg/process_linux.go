package localpg

import "syscall"

// dieWithParent makes the kernel shut the child down when the thread that
// starts it ends, however the process around it ends. SIGINT is PostgreSQL's
// fast shutdown.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }
