//go:build !unix

package outdir

import "io/fs"

// owner knows no users and groups here.
func owner(fs.FileInfo) (uid, gid int) { return -1, -1 }
