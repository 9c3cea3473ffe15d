package check

import "testing"

func TestPublicDirectory(t *testing.T) {
	for path, want := range map[string]string{
		"/tmp/s": "/tmp", "/tmp/stktc/s": "/tmp", "//tmp//s": "/tmp", "/run/../tmp/s": "/tmp", "/./var/tmp/s": "/var/tmp", "/dev/shm/s": "/dev/shm",
		"/run/stktc/s": "", "/tmpfs/s": "", "/tmp/../run/s": "", "/var/tmp/../lib/s": "", "/home/x/tmp/s": "", "@/tmp/s": "", "": "",
	} {
		if got := publicDirectory(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
