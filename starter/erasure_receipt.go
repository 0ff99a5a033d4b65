package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"advocatesync/internal/api"
	"advocatesync/internal/config"
	"advocatesync/internal/operator"
	"advocatesync/internal/receipt"
	"advocatesync/internal/store"
)

func (a *app) erasureReceiptCommand() *cobra.Command {
	return a.onErasure("receipt ID", "Print the signed receipt of a privacy deletion that is done",
		func(ctx context.Context, c *api.Client, id int64) error {
			r, err := c.ErasureReceipt(ctx, id)
			if err != nil {
				return err
			}
			return a.print(r, func() { fmt.Fprintln(a.out, r.Receipt) })
		})
}

func (a *app) erasureVerifyCommand() *cobra.Command {
	var keys string
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Verify a receipt's signature, and print what it says; with --keys it needs nothing else",
		Args:  exactly("name the file with the receipt, or - for the standard input"),
		RunE: func(cmd *cobra.Command, args []string) error {
			signed, err := a.readFile(args[0], maxReceipt)
			if err != nil {
				return err
			}
			set, err := a.receiptKeys(cmd.Context(), keys)
			if err != nil {
				return err
			}
			r, err := receipt.Verify(strings.TrimSpace(string(signed)), set)
			if err != nil {
				return err
			}
			return a.print(r, func() { a.writeReceipt(r) })
		},
	}
	cmd.Flags().StringVar(&keys, "keys", "", "the published keys: a file, or the address of an installation such as https://sync.example.com; "+
		"left out: those of the server, or of the database, that the environment names")
	return cmd
}

const (
	maxReceipt = 1 << 20 // bytes of a receipt, and of a key set
	keysWait   = 10 * time.Second
)

// readFile reads a file, or the standard input for "-".
func (a *app) readFile(name string, limit int64) ([]byte, error) {
	from := a.in
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }() // it was only read
		from = file
	}
	return readAtMost(from, limit)
}

func readAtMost(from io.Reader, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(from, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("there are more than %d bytes", limit)
	}
	return text, err
}

// receiptKeys are the keys from a file, from an installation's address, or else
// from the server or the database that the environment names.
func (a *app) receiptKeys(ctx context.Context, from string) (set receipt.KeySet, err error) {
	server := a.serverName(config.Server)
	switch {
	case strings.Contains(from, "://"):
		return fetchKeys(ctx, from)
	case from != "":
		published, err := a.readFile(from, maxReceipt)
		if err != nil {
			return set, err
		}
		return receipt.ParseKeySet(published)
	case server != "":
		return fetchKeys(ctx, server)
	}
	err = a.withOperator(ctx, func(ctx context.Context, o *operator.Operator, _ *store.Store) error {
		set, err = o.ReceiptKeys(ctx)
		return err
	})
	return set, err
}

func fetchKeys(ctx context.Context, installation string) (receipt.KeySet, error) {
	address, err := url.Parse(installation)
	if err != nil || address.Host == "" {
		return receipt.KeySet{}, usageError{errors.New("--keys is neither a file nor an address such as https://sync.example.com")}
	}
	if !strings.HasSuffix(address.Path, receipt.KeysPath) {
		address = address.JoinPath(receipt.KeysPath)
	}
	ctx, cancel := context.WithTimeout(ctx, keysWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), http.NoBody)
	if err != nil {
		return receipt.KeySet{}, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return receipt.KeySet{}, fmt.Errorf("read the keys: %w", err)
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	if resp.StatusCode != http.StatusOK {
		return receipt.KeySet{}, fmt.Errorf("read the keys at %s: status %d", address.Redacted(), resp.StatusCode)
	}
	published, err := readAtMost(resp.Body, maxReceipt)
	if err != nil {
		return receipt.KeySet{}, fmt.Errorf("read the keys: %w", err)
	}
	return receipt.ParseKeySet(published)
}

func (a *app) writeReceipt(r receipt.Receipt) {
	fmt.Fprintf(a.out, "The signature is valid. %s, on %s:\n", r.Issuer, stamp(r.IssuedAt))
	fmt.Fprintf(a.out, "Erasure %d (connection %s: HubSpot portal %d, Advocate tenant %s), contact %s\n",
		r.ErasureID, r.ConnectionID, r.PortalID, r.Tenant, r.ContactID)
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "  requested by\t%s\t%s\n", words(r.Requested.Source, r.Requested.By), stamp(r.Requested.OccurredAt))
	for _, s := range r.Steps {
		fmt.Fprintf(w, "  %s\t\t%s\n", s.Step, stamp(s.At))
	}
	_ = w.Flush() // like Println: a closed terminal is no failure of the command
	fmt.Fprintf(a.out, "Participants deleted: %d. Contacts forgotten: %d. Other contacts that lost their participant: %d.\n",
		r.Counts.ParticipantsDeleted, r.Counts.ContactsForgotten, r.Counts.ContactsUnmapped)
	fmt.Fprintf(a.out, "Asked again, HubSpot answered %q, and Advocate, asked for %d identities, %q.\n",
		r.Checked.HubSpot, r.Checked.IdentitiesAsked, r.Checked.Advocate)
	fmt.Fprintln(a.out, r.OutOfReach.Backups)
	for _, order := range r.OutOfReach.ImpactOrders {
		fmt.Fprintf(a.out, "Order at impact.com that names the person, or may name them: %s\n", order)
	}
}
