// Command pgcheck succeeds if the demo and the tests will find PostgreSQL on
// this machine. Otherwise it prints the command that installs it and fails, so
// that nobody waits for a long build to learn that.
package main

import (
	"fmt"
	"os"

	"advocatesync/internal/localpg"
)

func main() {
	if err := localpg.Installed(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
