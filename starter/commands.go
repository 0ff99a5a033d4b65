package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// commandGroup is a command that only groups others. Without a subcommand, or
// with an unknown one, it is a usage error: a script must notice.
func commandGroup(use, short string, members ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.NoArgs, // names the unknown command
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cmd.Help(); err != nil {
				return err
			}
			return usageError{errors.New("name a subcommand of: " + use)}
		},
	}
	cmd.AddCommand(members...)
	return cmd
}

// print shows a result: as JSON for scripts, else as text.
func (a *app) print(view any, words func()) error {
	if !a.json {
		words()
		return nil
	}
	return a.printJSON(view)
}

func (a *app) printJSON(view any) error {
	encoder := json.NewEncoder(a.out)
	encoder.SetEscapeHTML(false) // keep links readable
	encoder.SetIndent("", "  ")
	return encoder.Encode(view)
}

// confirm asks a person whether to continue. Without a terminal it returns a usage
// error: scripts pass --yes.
func (a *app) confirm(question string) error {
	if !a.interactive {
		return usageError{errors.New("there is no terminal to confirm on: pass --yes to confirm")}
	}
	fmt.Fprintf(a.log, "%s [y/N] ", question)
	line, err := bufio.NewReader(a.in).ReadString('\n')
	answer := strings.ToLower(strings.TrimSpace(line))
	if answer == "y" || answer == "yes" {
		return nil
	}
	if err != nil {
		fmt.Fprintln(a.log) // end the question's line
	}
	return errors.New("nothing was changed")
}

// stamp formats a time; empty stands for never.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
