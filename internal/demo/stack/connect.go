package stack

import (
	"context"
	"encoding/json"
	"fmt"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/hubspot/hubspottest"
)

// Credentials is the environment with which "starter connect" joins the
// stand-ins' default portal and tenant.
func Credentials() []string {
	return []string{
		"HUBSPOT_ACCESS_TOKEN=" + hubspottest.DefaultToken,
		"ADVOCATE_TENANT_ALIAS=" + advocatetest.DefaultAlias,
		"ADVOCATE_API_KEY=" + advocatetest.DefaultKey,
		"ADVOCATE_PROGRAM_ID=" + Program,
		"IMPACT_ACCOUNT_SID=" + advocatetest.DefaultAccountSID,
		"IMPACT_AUTH_TOKEN=" + advocatetest.DefaultAuthToken,
	}
}

// Program is the referral program that is connected.
const Program = "47255"

// connect makes the first connection, as an operator does.
func (s *Stack) connect(ctx context.Context) error {
	out, err := s.Command(ctx, Credentials(), "connect", "--json")
	if err != nil {
		return err
	}
	var answer struct {
		ConnectionID string `json:"connection_id"`
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		return fmt.Errorf("starter connect answers no JSON: %w", err)
	}
	s.ConnectionID = answer.ConnectionID
	return nil
}
