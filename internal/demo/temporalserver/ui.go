package temporalserver

import (
	"context"
	"fmt"
	"net"
	"time"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"
)

// webUI is a running web UI.
type webUI struct {
	url    string
	server *uiserver.Server
	done   chan struct{} // closed when server has ended
}

// startUI starts the web UI on p and returns once it accepts connections.
func startUI(ctx context.Context, p *port, temporal, namespace string) (*webUI, error) {
	ui := &webUI{
		url: "http://" + p.address(),
		server: uiserver.NewServer(uioptions.WithConfigProvider(&uiconfig.Config{
			Host:                loopback,
			Port:                p.number,
			TemporalGRPCAddress: temporal,
			DefaultNamespace:    namespace,
			EnableUI:            true,
			HideLogs:            true,
			DisableNewsFetch:    true,                                // nothing leaves the machine
			CORS:                uiconfig.CORS{CookieInsecure: true}, // plain HTTP on loopback
		})),
		done: make(chan struct{}),
	}
	p.release()
	go func() {
		defer close(ui.done)
		_ = ui.server.Start() // ends the process itself on any other error than being closed
	}()
	if err := ui.await(ctx, p.address()); err != nil {
		ui.stop()
		return nil, fmt.Errorf("web UI: %w", err)
	}
	return ui, nil
}

// await polls until something listens on the UI's port: the UI does not say
// when it is ready.
func (ui *webUI) await(ctx context.Context, address string) error {
	var dialer net.Dialer
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (last: %w)", ctx.Err(), err)
		case <-tick.C:
		}
	}
}

func (ui *webUI) stop() {
	ui.server.Stop()
	<-ui.done
}
