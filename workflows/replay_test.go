package workflows_test

import (
	"log/slog"
	"path/filepath"
	"testing"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"advocatesync/workflows"
)

// histories is where recorded histories are: those of the first release in the
// folder itself, those of later ones in a folder for each day of recording.
const histories = "testdata/history"

func recorded(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"*.json", "*/*.json"} {
		some, err := filepath.Glob(filepath.Join(histories, pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, some...)
	}
	if len(files) == 0 {
		t.Fatal("no recorded histories")
	}
	return files
}

// Histories of released code replay: a deployment never breaks what is under
// way. "make record-histories" adds those of the code as it is.
func TestReplay(t *testing.T) {
	t.Parallel()
	files := recorded(t)
	for _, file := range files {
		name, err := filepath.Rel(histories, file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			replayer := worker.NewWorkflowReplayer()
			workflows.Register(replayer)
			if err := replayer.ReplayWorkflowHistoryFromJSONFile(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), file); err != nil {
				t.Error(err)
			}
		})
	}
}
