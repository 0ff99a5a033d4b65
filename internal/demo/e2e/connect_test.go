package e2e

import (
	"strings"
	"testing"

	"advocatesync/internal/demo/stack"
)

func TestConnect(t *testing.T) {
	s := start(t, stack.Options{})

	t.Run("may be run again and keeps the connection", func(t *testing.T) {
		out, err := s.Command(t.Context(), stack.Credentials(), "connect")
		if err != nil || !strings.Contains(out, s.ConnectionID) {
			t.Errorf("connect again: %v\n%s", err, out)
		}
	})

	refusals := map[string]struct {
		env  []string
		args []string
		want []string // in the message
	}{
		"says that HubSpot refuses the token": {
			[]string{"HUBSPOT_ACCESS_TOKEN=wrong"}, nil, []string{"HubSpot refuses the credentials", "--hubspot-token"}},
		"says that Advocate refuses the key": {
			[]string{"ADVOCATE_API_KEY=wrong"}, nil, []string{"Advocate refuses the credentials", "--advocate-key"}},
		"says both when both are wrong": {
			[]string{"HUBSPOT_ACCESS_TOKEN=wrong", "ADVOCATE_API_KEY=wrong"}, nil, []string{"HubSpot refuses", "Advocate refuses"}},
		"lists the programs when the chosen one does not exist": {
			nil, []string{"--program", "99999"}, []string{"no program", stack.Program}},
		"refuses a token of another portal": {
			nil, []string{"--portal-id", "123"}, []string{"belongs to portal"}},
		"names everything that is missing at once": {
			[]string{"HUBSPOT_ACCESS_TOKEN=", "ADVOCATE_API_KEY=", "ADVOCATE_PROGRAM_ID="}, nil,
			[]string{"--advocate-key", "--program"}},
	}
	for name, tt := range refusals {
		t.Run(name, func(t *testing.T) {
			_, err := s.Command(t.Context(), append(stack.Credentials(), tt.env...), append([]string{"connect"}, tt.args...)...)
			if err == nil {
				t.Fatal("connect succeeded")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the message lacks %q:\n%v", want, err)
				}
			}
		})
	}
}

func TestRules(t *testing.T) {
	s := start(t, stack.Options{})
	if _, err := s.Command(t.Context(), nil, "rules", "set", "--contact-created=false"); err != nil {
		t.Fatal(err)
	}
	out, err := s.Command(t.Context(), nil, "rules", "get", "--json")
	if err != nil || !strings.Contains(out, `"contact_created": false`) || !strings.Contains(out, `"contact_updated": true`) {
		t.Errorf("rules get: %v\n%s", err, out)
	}
}
