package config

import (
	"io"
	"log/slog"
)

// Log says how a process logs.
type Log struct {
	JSON  bool // one JSON object a line instead of text
	Level slog.Level
}

// Logger returns the logger that l describes.
func (l Log) Logger(w io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: l.Level}
	if l.JSON {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
