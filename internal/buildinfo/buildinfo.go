// Package buildinfo says which build of the product a program is.
package buildinfo

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// The linker sets both, as the Dockerfile and "make build" tell it to:
//
//	go build -ldflags "-X advocatesync/internal/buildinfo.version=1.2.0 -X advocatesync/internal/buildinfo.commit=0123abc"
//
// They come in by name and not from the repository, so that an image, which is
// built without one, is the same to the byte as a build of the same sources
// anywhere else.
var version, commit string

// Info is what a program knows about its own build.
type Info struct {
	Version string `json:"version"` // of the release, or "dev"
	Commit  string `json:"commit"`  // of the sources, or "unknown"
	Go      string `json:"go"`      // the toolchain, such as "go1.26.11"
}

// Get returns the build of the running program. What the linker was not told
// comes from the stamp that "go build" leaves in a repository.
func Get() Info {
	stamped := ""
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range build.Settings {
			if setting.Key == "vcs.revision" {
				stamped = setting.Value
			}
		}
	}
	return Info{Version: cmp.Or(version, "dev"), Commit: cmp.Or(commit, stamped, "unknown"), Go: runtime.Version()}
}

// String is one line for a person: "advocatesync 1.2.0 (commit 0123abc, go1.26.11)".
func (i Info) String() string {
	return fmt.Sprintf("advocatesync %s (commit %s, %s)", i.Version, i.Commit, i.Go)
}
