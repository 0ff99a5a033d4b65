package store

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"

	"github.com/jackc/pgx/v5"
)

// Credentials are the secrets of one connection. They are hidden from printing and
// logging, and refuse to be marshalled.
type Credentials struct {
	HubSpotToken     string // static; empty if the portal consented in a browser
	AdvocateUser     string // empty for tenants with an API key of the older kind
	AdvocateKey      string
	ImpactAccountSID string // account SID of api.impact.com
	ImpactAuthToken  string
}

const hiddenCredentials = "[credentials]"

func (Credentials) String() string { return hiddenCredentials }

// GoString hides the secrets from %#v.
func (Credentials) GoString() string { return hiddenCredentials }

// LogValue hides the secrets from slog.
func (Credentials) LogValue() slog.Value { return slog.StringValue(hiddenCredentials) }

// MarshalJSON always fails, so that credentials never get into a workflow's history
// or a response.
func (Credentials) MarshalJSON() ([]byte, error) {
	return nil, errors.New("store: credentials are not for marshalling")
}

// plainCredentials is the sealed form of credentials.
type plainCredentials struct {
	HubSpotToken     string `json:"hubspot_token"`
	AdvocateUser     string `json:"advocate_user"`
	AdvocateKey      string `json:"advocate_key"`
	ImpactAccountSID string `json:"impact_account_sid"`
	ImpactAuthToken  string `json:"impact_auth_token"`
}

func credentialsContext(connectionID string) string { return "connection/credentials/" + connectionID }

func (s *Store) sealCredentials(connectionID string, cred Credentials) ([]byte, error) {
	plain, err := json.Marshal(plainCredentials(cred))
	if err != nil {
		return nil, err
	}
	return s.sealer.Seal(plain, credentialsContext(connectionID)), nil
}

func (s *Store) openCredentials(connectionID string, sealed []byte) (Credentials, error) {
	text, err := s.sealer.Open(sealed, credentialsContext(connectionID))
	if err != nil {
		return Credentials{}, err
	}
	var plain plainCredentials
	if err := json.Unmarshal(text, &plain); err != nil {
		return Credentials{}, errors.New("sealed credentials are not what we seal")
	}
	return Credentials(plain), nil
}

// Credentials returns a connection's secrets and their revision. The revision grows
// whenever they change, so a client built from an older revision is out of date.
func (s *Store) Credentials(ctx context.Context, connectionID string) (Credentials, int, error) {
	var (
		sealed   []byte
		revision int
	)
	err := s.pool.QueryRow(ctx, "SELECT credentials, credentials_revision FROM connection WHERE id = $1",
		connectionID).Scan(&sealed, &revision)
	if err != nil {
		return Credentials{}, 0, wrap(err, "credentials of %s", connectionID)
	}
	cred, err := s.openCredentials(connectionID, sealed)
	return cred, revision, wrap(err, "credentials of %s", connectionID)
}

// replaceCredentials compares the opened credentials, because two seals of one text
// differ.
func (s *Store) replaceCredentials(ctx context.Context, tx pgx.Tx, connectionID string, cred Credentials) error {
	var sealed []byte
	if err := tx.QueryRow(ctx, "SELECT credentials FROM connection WHERE id = $1", connectionID).Scan(&sealed); err != nil {
		return err
	}
	known, err := s.openCredentials(connectionID, sealed)
	if err != nil || known == cred {
		return err
	}
	if sealed, err = s.sealCredentials(connectionID, cred); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
UPDATE connection SET credentials = $2, credentials_revision = credentials_revision + 1 WHERE id = $1`, connectionID, sealed)
	return err
}
