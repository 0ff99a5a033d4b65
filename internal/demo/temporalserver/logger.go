package temporalserver

import (
	"fmt"

	"go.temporal.io/server/common/log"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newLogger returns the server's logger: errors only, a line each on standard
// error, and the switch that silences it. A server that stops complains about
// every call that was under way; that is no news to anybody.
func newLogger() (log.Logger, func(), error) {
	level := zap.NewAtomicLevelAt(zapcore.ErrorLevel)
	logger, err := zap.Config{
		Level:             level,
		Encoding:          "console",
		EncoderConfig:     log.DefaultZapEncoderConfig,
		OutputPaths:       []string{"stderr"},
		ErrorOutputPaths:  []string{"stderr"},
		DisableCaller:     true,
		DisableStacktrace: true,
	}.Build()
	if err != nil {
		return nil, nil, fmt.Errorf("logger: %w", err)
	}
	silence := func() { level.SetLevel(zapcore.FatalLevel) }
	return log.NewZapLogger(logger), silence, nil
}
