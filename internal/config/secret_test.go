package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"advocatesync/internal/config"
)

func TestSecret_isNeverPrinted(t *testing.T) {
	t.Parallel()
	starter, err := config.LoadStarter(with(map[string]string{
		"DATABASE_URL": "postgres://u:swordfish@db/x", "ADMIN_TOKEN": "swordfish-swordfish", "HUBSPOT_CLIENT_SECRET": "swordfish",
		"ENCRYPTION_KEY": "c3dvcmRmaXNoc3dvcmRmaXNoc3dvcmRmaXNoc3dvcmQ=",
	}))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n", starter)
		fmt.Fprintf(&out, verb+"\n", starter.AdminToken)
		fmt.Fprintf(&out, verb+"\n", starter.EncryptionKey)
	}
	fmt.Fprintln(&out, starter.AdminToken.String(), starter.EncryptionKey.String())
	if err := json.NewEncoder(&out).Encode(starter); err != nil {
		t.Fatal(err)
	}
	for _, asJSON := range []bool{false, true} {
		log := config.Log{JSON: asJSON}.Logger(&out)
		log.Info("started", "config", starter, "token", starter.AdminToken, "key", starter.EncryptionKey)
	}
	for _, leak := range []string{"swordfish", fmt.Sprintf("%x", "swordfish"), fmt.Sprint([]byte("sword")), "c3dvcm"} {
		if strings.Contains(out.String(), strings.Trim(leak, "[]")) {
			t.Errorf("%q was printed:\n%s", leak, &out)
		}
	}
	if strings.Count(out.String(), "[hidden]") < 20 {
		t.Errorf("the places of the secrets are not marked:\n%s", &out)
	}
}

func TestLog_honoursTheLevel(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := config.Log{JSON: true}.Logger(&out)
	log.Debug("too much")
	log.Info("enough")
	if got := out.String(); strings.Contains(got, "too much") || !strings.Contains(got, `"msg":"enough"`) {
		t.Errorf("logged %s", got)
	}
}
