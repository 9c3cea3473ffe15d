package haproxy

import "syscall"

// processAttributes give the child a process group of its own, so that Ctrl-C on the terminal reaches only us and we stop it in order;
// the death signal ends it when we are killed without a chance to.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
