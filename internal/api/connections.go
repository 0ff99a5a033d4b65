package api

import (
	"context"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
	"advocatesync/internal/store"
)

// Connection joins a HubSpot portal to an Advocate tenant.
type Connection struct {
	ConnectionID string                  `json:"connection_id"`
	PortalID     int64                   `json:"portal_id"`
	Tenant       string                  `json:"tenant"`
	Program      string                  `json:"program"` // id of the connected one
	Status       bridge.ConnectionStatus `json:"status"`
	StatusReason string                  `json:"status_reason,omitempty"`
	Paused       bool                    `json:"paused"` // an operator paused it
	Refusals     []Refusal               `json:"refusals,omitempty"`
}

// Refusal is something that a vendor refuses to a connection at present.
type Refusal struct {
	System     bridge.System     `json:"system"`
	Capability bridge.Capability `json:"capability,omitempty"` // omitted: everything
	Reason     string            `json:"reason"`
	Since      time.Time         `json:"since"`
	Advice     string            `json:"advice"`
}

func refusalOf(r bridge.Refusal) Refusal {
	return Refusal{System: r.System, Capability: r.Capability, Reason: r.Reason, Since: r.Since.UTC(), Advice: r.Advice()}
}

func connectionOf(c bridge.Connection) Connection {
	return Connection{
		ConnectionID: c.ID, PortalID: c.PortalID, Tenant: c.Tenant, Program: c.Program, Status: c.Status, StatusReason: c.StatusReason,
		Paused: !c.PausedAt.IsZero(), Refusals: collect(c.Refusals, refusalOf),
	}
}

// ConnectRequest is what is needed to connect a portal to a tenant.
type ConnectRequest struct {
	PortalID         int64  `json:"portal_id,omitempty"`     // 0: the portal that the token belongs to
	HubSpotToken     string `json:"hubspot_token,omitempty"` // needed to connect, not to ask for consent
	Tenant           string `json:"tenant"`
	AdvocateUser     string `json:"advocate_user,omitempty"` // often empty
	AdvocateKey      string `json:"advocate_key"`
	Program          string `json:"program"`
	ImpactAccountSID string `json:"impact_account_sid,omitempty"`
	ImpactAuthToken  string `json:"impact_auth_token,omitempty"`
}

// connection reads the connection that the path names.
func (h *Handler) connection(r *request) (bridge.Connection, error) {
	if err := r.err(); err != nil {
		return bridge.Connection{}, err
	}
	return h.operator.Connection(r.Context(), r.PathValue("connection"))
}

func (h *Handler) listConnections(r *request) (any, error) {
	if err := r.err(); err != nil {
		return nil, err
	}
	all, err := h.operator.Connections(r.Context())
	return onePage(collect(all, connectionOf)), err
}

func (h *Handler) getConnection(r *request) (any, error) {
	c, err := h.connection(r)
	return connectionOf(c), err
}

func (h *Handler) connect(r *request) (any, error) {
	in, err := r.connectInput("hubspot_token")
	if err != nil {
		return nil, err
	}
	c, err := h.operator.Connect(r.Context(), in)
	return connectionOf(c), err
}

// connectInput reads a ConnectRequest; which fields are required depends on the
// operation.
func (r *request) connectInput(needed ...string) (operator.ConnectInput, error) {
	var in ConnectRequest
	r.body(&in)
	for _, field := range append(needed, "tenant", "advocate_key", "program") {
		r.required(field, map[string]string{
			"hubspot_token": in.HubSpotToken, "tenant": in.Tenant, "advocate_key": in.AdvocateKey, "program": in.Program,
		}[field])
	}
	return operator.ConnectInput{
		PortalID: in.PortalID, Tenant: in.Tenant, Program: in.Program,
		Credentials: store.Credentials{
			HubSpotToken: in.HubSpotToken, AdvocateUser: in.AdvocateUser, AdvocateKey: in.AdvocateKey,
			ImpactAccountSID: in.ImpactAccountSID, ImpactAuthToken: in.ImpactAuthToken,
		},
	}, r.err()
}

// Connections lists all connections, the oldest first.
func (c *Client) Connections(ctx context.Context) ([]Connection, error) {
	page, err := send[Page[Connection]](ctx, c, call{operation: "listConnections"})
	return page.Items, err
}

// Connection returns one connection.
func (c *Client) Connection(ctx context.Context, id string) (Connection, error) {
	return send[Connection](ctx, c, call{operation: "getConnection", path: []string{id}})
}

// Connect connects a portal to a tenant. It may be repeated: for the same
// portal it updates the connection, but not its program.
func (c *Client) Connect(ctx context.Context, in ConnectRequest) (Connection, error) {
	return send[Connection](ctx, c, call{operation: "connect", in: in})
}
