package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"advocatesync/internal/api/apitest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/config"
	"advocatesync/internal/operator"
	"advocatesync/internal/store"
	"advocatesync/internal/store/storetest"
	"advocatesync/internal/wiring/wiringtest"
)

var discard = slog.New(slog.DiscardHandler)

func TestMain(m *testing.M) { storetest.Main(m) }

// laptop is a machine from where an operator reaches a server, and nothing
// else: no database, no Temporal.
type laptop struct {
	*wiringtest.System
	env   map[string]string
	input io.Reader // of the commands; nil: none
}

func newLaptop(t *testing.T) *laptop {
	t.Helper()
	s := wiringtest.New(t)
	server := httptest.NewServer(apitest.NewHandler(s.Operator, s.Store, discard))
	t.Cleanup(server.Close)
	return &laptop{System: s, input: strings.NewReader(""), env: map[string]string{config.Server: server.URL, config.Token: apitest.Token}}
}

// starter runs a command line and tells its exit code, its result and what it
// said besides.
func (l *laptop) starter(t *testing.T, line string) (code int, out, said string) {
	t.Helper()
	var result, log bytes.Buffer
	a := &app{getenv: func(name string) string { return l.env[name] }, in: l.input, out: &result, log: &log}
	if err := run(t.Context(), strings.Fields(line), a); err != nil {
		return exitCode(err), result.String(), log.String() + err.Error()
	}
	return 0, result.String(), log.String()
}

func TestCommands_workFromALaptop(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	contact := l.CreateContact(t, map[string]string{"email": "ann@shop.example", "firstname": "Annika"})
	const done, failed, wrong = 0, 1, 2
	for _, step := range []struct {
		line string
		code int
		says string
	}{
		{"connection list", done, l.Connection.ID},
		{"connection show --json", done, `"connection_id": "` + l.Connection.ID + `"`},
		{"connection show --connection cnobody", failed, "there is no connection"},
		{"rules set --contact-created=false --share-pii-updates", done, "off"},
		{"rules get --json", done, `"contact_created": false`},
		{"contact show " + contact, failed, "nothing is known"},
		{"contact resync " + contact, done, "contact/" + l.Connection.ID + "/" + contact},
		{"contact show " + contact, done, "an operator or a report requested a resync"},
		{"contact show --json --reveal " + contact, done, `"hubspot": "Annika"`},
		{"contact events " + contact, done, "requested a resync"},
		{"contact events x", wrong, "is a number"},
		{"parked list", done, "Nothing is parked."},
		{"parked retry 5 7", failed, "nothing was done: 5, 7"},
		{"parked retry --all", done, "Nothing is parked."},
		{"parked discard --yes 5", failed, "nothing was done: 5"},
		{"program list", done, "Customer champions"},
		{"program status", failed, "there was no program switch yet"},
		{"program switch 99999", failed, "choose one of"},
		{"mass-sync status", failed, "there was no such mass sync"},
		{"mass-sync pause", failed, "no mass sync is under way"},
		{"mass-sync start --dry-run --json", done, `"eta_seconds": null`},
		{"mass-sync start", failed, "dry run 1 is under way"},
		{"mass-sync status --run 9", failed, "there was no such mass sync"},
		{"mass-sync pause", done, "Dry run 1: paused"},
		{"mass-sync resume --json", done, `"state": "planning"`},
		{"token create marketing --role operator --days 7", done, "adv_"},
		{"token create marketing --role operator", failed, "choose another name"},
		{"token create intern", wrong, "--role"},
		{"token create intern --role root", failed, "viewer, operator, privacy, admin"},
		{"token create --role viewer", wrong, "name the token"},
		{"token list", done, "marketing"},
		{"token revoke nosuchtoke", failed, "there is no token"},
		{"erase", wrong, "--contact"},
		{"erase --contact " + contact + " --yes", failed, "still shows contact"},
		{"erase --contact 987654321", wrong, "--yes"},
		{"erase --contact 987654321 --yes", done, "Erasure 1 begins"},
		{"contact export " + contact, done, `"firstname": "Annika"`},
		{"contact export --email ann@shop.example", wrong, "--email -"},
		{"audit list --operation exportPerson", done, "contact:" + contact},
		{"erase --email ann@shop.example", wrong, "--email -"},
		{"erase --email - --contact 1", wrong, "one of"},
		{"erase --email - --yes", failed, "name the person"},
		{"erasure list --open", done, "operator"},
		{"erasure show 1", done, "verified: HubSpot does not show the contact"},
		{"erasure show 2", failed, "there is no erasure 2"},
		{"erasure show x", wrong, "not the id of an erasure"},
		{"erasure receipt 1", failed, "erasure 1 is not done yet"},
		{"erasure verify nosuchfile --keys nosuchfile", failed, "no such file"},
		{"erasure export", done, "ey"},
		{"erasure replay nosuchfile", failed, "no such file"},
		{"audit list --operation exportErasures", done, "exportErasures"},
		{"audit list --subject erasure:1", done, "eraseContact"},
		{"audit list --operation createToken", done, "token_name_taken"},
		{"audit list --subject contact:" + contact + " --json", done, `"operation": "revealContact"`},
		{"audit list --actor nobody", done, "Nothing is on record."},
	} {
		code, out, said := l.starter(t, step.line)
		if code != step.code || !strings.Contains(out+said, step.says) {
			t.Errorf("starter %s: exit code %d, want %d, and %q in:\n%s%s", step.line, code, step.code, step.says, out, said)
		}
	}
	c, err := l.Store.Connection(t.Context(), l.Connection.ID)
	want := bridge.Rules{ParticipantCreated: true, ParticipantUpdated: true, ContactUpdated: true}
	if err != nil || c.Rules != want || !c.SharePIIUpdates {
		t.Errorf("%+v, %v; only what was named ought to change", c, err)
	}
}

func TestParkedList_goesOnBeyondAPage(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	const many = 101 // one more than a page
	for i := range many {
		_, err := l.Store.Park(t.Context(), bridge.ParkedItem{
			ConnectionID: l.Connection.ID, AccountID: "a", UserID: strconv.Itoa(i), Cause: bridge.CauseRefusedByHubSpot, Advice: "-",
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	_, out, said := l.starter(t, "parked list")
	if got := strings.Count(out, "a participant without a contact"); got != many {
		t.Errorf("%d items are listed, want %d; it said %s", got, many, said)
	}
}

// A look takes its time: it may map a contact long before it is done.
func TestContactResync_waitsForADecision(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	id := l.CreateContact(t, map[string]string{"email": "ann@shop.example"})
	inTemporal := "contact/" + l.Connection.ID + "/" + id
	inVain := func(why string) {
		t.Helper()
		code, out, said := l.starter(t, "contact resync "+id+" --wait=300ms")
		if code != 1 || !strings.Contains(said, "was not decided in time; the work continues: see "+inTemporal) {
			t.Errorf("%s: exit code %d\n%s%s", why, code, out, said)
		}
	}
	inVain("nobody looks")
	m := bridge.Mapping{ConnectionID: l.Connection.ID, ContactID: id, AccountID: "a", UserID: "u"}
	if err := l.Store.Link(t.Context(), store.Linking{Mapping: m}); err != nil {
		t.Fatal(err)
	}
	inVain("a look is half done")

	deciding, stop := context.WithCancel(t.Context())
	decided := make(chan error, 1)
	go func() { decided <- l.decideAgainAndAgain(deciding, id) }()
	code, out, said := l.starter(t, "contact resync "+id+" --wait=60s")
	stop()
	if err := <-decided; err != nil || code != 0 || !strings.Contains(out, "there was nothing new to send") {
		t.Errorf("exit code %d, %v\n%s%s", code, err, out, said)
	}
}

// decideAgainAndAgain settles a contact until ctx ends, as syncs of it would.
func (l *laptop) decideAgainAndAgain(ctx context.Context, contactID string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			settlement := store.Settlement{State: bridge.StateMapped, Reason: bridge.ReasonInStep}
			if err := l.Store.Settle(context.WithoutCancel(ctx), l.Connection.ID, contactID, settlement); err != nil {
				return err
			}
		}
	}
}

func TestServer_isNamedByAFlagBeforeTheEnvironment(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	server := l.env[config.Server]
	l.env[config.Server] = "http://127.0.0.1:1" // nobody is there
	if code, _, said := l.starter(t, "rules get"); code != 1 || !strings.Contains(said, "http://127.0.0.1:1") {
		t.Errorf("exit code %d, said %q", code, said)
	}
	if code, _, said := l.starter(t, "rules get --server "+server+"/"); code != 0 {
		t.Errorf("exit code %d, said %q", code, said)
	}
}

func TestServer_needsAnAddressAndTheToken(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	tests := map[string]struct {
		server, token string
		says          []string
	}{
		"neither is right, both are told": {"sync.example.com", "", []string{config.Server, "https://", config.Token}},
		"a wrong token":                   {l.env[config.Server], "a-token-that-is-wrong", []string{"refuses the token in ADVOCATESYNC_TOKEN"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			other := laptop{env: map[string]string{config.Server: tt.server, config.Token: tt.token}}
			code, _, said := other.starter(t, "connection list")
			for _, want := range tt.says {
				if code != 1 || !strings.Contains(said, want) {
					t.Errorf("exit code %d, and %q is not in:\n%s", code, want, said)
				}
			}
		})
	}
}

// Whoever does the work beside the database is on record, too, by the name that
// the operating system knows them by.
func TestLocalCommands_areOnRecordAsTheSystemsUser(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	c := inProcess(l.Operator, l.Store)
	if _, err := c.PauseConnection(t.Context(), l.Connection.ID); err != nil {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	log, err := l.Store.AuditLog(t.Context(), store.AuditFilter{Operation: "pauseConnection"}, 0, 10)
	want := bridge.Caller{Kind: bridge.CallerLocal, Name: me.Username, Role: bridge.RoleAdmin}
	if err != nil || len(log) != 1 || log[0].Caller != want || log[0].Outcome.Result != store.AuditDone || log[0].Remote != "" {
		t.Errorf("%+v, %v", log, err)
	}
}

func TestTokenRevoke_endsATokenAtOnce(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	_, secret, _ := l.starter(t, "token create marketing --role viewer")
	secret = strings.TrimSpace(secret)
	access := operator.NewAccess(l.Store, "", time.Now)
	if _, err := access.Authenticate(t.Context(), secret); err != nil {
		t.Fatalf("what was printed opens nothing: %v", err)
	}
	if code, out, said := l.starter(t, "token revoke "+operator.TokenID(secret)); code != 0 || !strings.Contains(out, "revoked") {
		t.Errorf("exit code %d\n%s%s", code, out, said)
	}
	if _, err := access.Authenticate(t.Context(), secret); err == nil {
		t.Error("it still opens")
	}
}

// Whoever has a receipt and the keys needs no server and no database of ours. What
// was exported can be replayed.
func TestErasureReceipt_verifiesWithTheKeysAlone(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	if code, _, said := l.starter(t, "erase --contact 987654321 --yes"); code != 0 {
		t.Fatal(said)
	}
	if _, err := l.Store.Erase(t.Context(), store.Erasure{ConnectionID: l.Connection.ID, ContactIDs: []string{"987654321"}}); err != nil {
		t.Fatal(err)
	}
	keys, err := l.Operator.ReceiptKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	published, err := json.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	_, signed, _ := l.starter(t, "erasure receipt 1")
	good, keyFile := write("receipt", signed), write("keys", string(published))
	forged := write("forged", strings.Replace(signed, ".", ".AAAA", 1))

	stranger := laptop{env: map[string]string{}}
	code, out, said := stranger.starter(t, "erasure verify "+good+" --keys "+keyFile)
	if code != 0 || !strings.Contains(out, "The signature is valid.") || !strings.Contains(out, "987654321") {
		t.Errorf("exit code %d\n%s%s", code, out, said)
	}
	if code, _, said := stranger.starter(t, "erasure verify "+forged+" --keys "+keyFile); code != 1 || !strings.Contains(said, "the signature does not match") {
		t.Errorf("forged: exit code %d, %s", code, said)
	}
	_, export, _ := l.starter(t, "erasure export")
	if code, out, said := l.starter(t, "erasure replay --yes "+write("export", export)); code != 0 || !strings.Contains(out, "Already on record here: 1.") {
		t.Errorf("replay: exit code %d\n%s%s", code, out, said)
	}
}

// A terminal beside a new database is shown the recovery key, once; a process
// without one makes none, for it would end up in a log.
func TestRecoveryKey_isShownOnceAndOnlyOnATerminal(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	shown := func(interactive bool, given *config.Key) string {
		var log bytes.Buffer
		a := &app{log: &log, interactive: interactive}
		if err := a.ensureRecoveryKey(t.Context(), s, given); err != nil {
			t.Fatal(err)
		}
		return log.String()
	}
	if said := shown(false, nil); said != "" {
		t.Errorf("without a terminal: %s", said)
	}
	said := shown(true, nil)
	text, _, _ := strings.Cut(strings.TrimPrefix(said, "Recovery key: "), "\n")
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatalf("%v in %q", err, said)
	}
	if opens, err := s.OpenedBy(t.Context(), key); !opens || err != nil {
		t.Errorf("what was shown opens: %t, %v", opens, err)
	}
	if said := shown(true, nil); said != "" {
		t.Errorf("shown again: %s", said)
	}
	given := config.Key(bytes.Repeat([]byte{7}, len(config.Key{})))
	if said := shown(true, &given); said != "" {
		t.Errorf("the given one is shown: %s", said)
	}
	if opens, err := s.OpenedBy(t.Context(), given[:]); !opens || err != nil {
		t.Errorf("the given one opens: %t, %v", opens, err)
	}
}
