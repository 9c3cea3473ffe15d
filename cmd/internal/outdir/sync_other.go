//go:build !linux

package outdir

const canSyncFileSystem = false

func syncFileSystem(string) error { panic("file systems are synced on Linux only") }
