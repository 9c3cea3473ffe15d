package outdir

import (
	"os"

	"golang.org/x/sys/unix"
)

const canSyncFileSystem = true

// syncFileSystem syncs the file system that a directory stands in.
func syncFileSystem(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return unix.Syncfs(int(d.Fd()))
}
