package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/config"
)

const checkUsage = `claimctl check judges the configuration files as claimd would, and prints every fault.

Usage: claimctl check [--with PATH=FILE]... [--user NAME] [--impact] [--config FILE] [--json]

Each fault is a line file:line: key: problem, with a hint below it where there is a next step.
What is worth saying but no fault is marked as a notice. claimd need not run, and is not asked,
but for --impact. Run as root, it tells too which file the user claimd, if there is one, could not
read.

  --with PATH=FILE  judge the tree with FILE standing in for PATH, which may also be a file that
                    is not there yet; as often as needed. For Ansible's template module:
                    validate: claimctl check --with ` + config.DefaultPath + `=%s
  --user NAME       judge owners and permissions as if this user ran claimd; a name or a uid
  --impact          tell too which users would gain or lose access, groups, roles or
                    administration: the running claimd is asked for the claim values that it saw
                    last of each user, which are judged by these files; nothing is changed
  --config FILE     the main configuration file (default ` + config.DefaultPath + `)
  --socket PATH     claimd's admin socket, for --impact
  --json            print the verdict as JSON

Exit status: 0 the configuration is good, 1 it has faults, 2 wrong usage, 3 could not find out.
`

// checkResult is the verdict on files, as check --json prints it.
type checkResult struct {
	OK        bool          `json:"ok"`
	Faults    config.Faults `json:"faults"` // notices too
	Enabled   bool          `json:"enabled"`
	Providers int           `json:"providers"`
	Groups    int           `json:"groups"`
	Roles     int           `json:"roles"`
	Hash      string        `json:"hash,omitempty"` // as status shows it; "" where there are faults, or credentials not seen
	Impact    *impact       `json:"impact,omitempty"`
}

func (t *tool) checkCommand() *cobra.Command {
	var with []string
	var impact bool
	cmd := &cobra.Command{
		Use: "check", Short: "judge the configuration files", Long: checkUsage,
		Args: takes(0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			standIns, err := parseWith(with)
			if err != nil {
				return err
			}
			return t.check(cmd.Context(), standIns, impact)
		},
	}
	t.userFlag(cmd)
	cmd.Flags().StringArrayVar(&with, "with", nil, "PATH=FILE: FILE stands in for PATH")
	cmd.Flags().BoolVar(&impact, "impact", false, "tell which users would gain or lose what")
	return cmd
}

func parseWith(with []string) (map[string]string, error) {
	standIns, named := map[string]string{}, map[string]bool{}
	for _, pair := range with {
		path, file, ok := strings.Cut(pair, "=")
		if !ok || path == "" || file == "" {
			return nil, misused("check", "--with: want PATH=FILE, got %q", pair)
		}
		place, err := filepath.Abs(path)
		if err != nil {
			place = path // config.Read says what is wrong with the working directory
		}
		if named[place] {
			return nil, misused("check", "--with: %s is named twice", path)
		}
		named[place], standIns[path] = true, file
	}
	return standIns, nil
}

func (t *tool) check(ctx context.Context, standIns map[string]string, withImpact bool) error {
	options, err := t.reading()
	if err != nil {
		return err
	}
	options.With = standIns
	loaded, err := daemon.Load(t.configPath, options)
	result, err := judge(loaded, err)
	if err != nil {
		return err
	}
	result.Faults = t.mended(result.Faults)
	if result.OK && withImpact {
		if result.Impact, err = t.impactOf(ctx, loaded, t.mostKept()); err != nil {
			return err
		}
	}
	if t.json {
		err = t.printJSON(result, false)
	} else {
		err = t.print(checkText(result))
	}
	if err == nil && !result.OK {
		return refusedBy(result.Faults)
	}
	return err
}

// mostKept tells how many changes of single users are kept to be printed: 0 is all.
func (t *tool) mostKept() int {
	if t.json {
		return 0
	}
	return mostChanges
}

// refusedBy is the end of check by these faults: a user who may not read the files cannot find out whether they are good.
func refusedBy(faults config.Faults) error {
	for _, fault := range faults {
		if !fault.Notice && !fault.Unreadable {
			return refused()
		}
	}
	return &failure{code: exitUnknown}
}

// judge sums up what Load gave; the error is one that is no fault of the configuration.
func judge(loaded *daemon.Loaded, err error) (checkResult, error) {
	if faults, ok := errors.AsType[config.Faults](err); ok {
		return checkResult{Faults: faults}, nil
	}
	if err != nil {
		return checkResult{}, err
	}
	c := loaded.Config
	result := checkResult{
		OK: true, Faults: append(config.Faults{}, loaded.Notices...), Enabled: c.Enabled,
		Providers: len(c.Providers), Groups: len(c.Groups), Roles: len(c.Roles),
	}
	if loaded.Tree.Whole() {
		result.Hash = loaded.Tree.Hash()
	}
	return result, nil
}

func checkText(r checkResult) string {
	text := faultsText(r.Faults)
	if !r.OK {
		return text + countFaults(r.Faults) + "\n"
	}
	text += fmt.Sprintf("configuration is good: %s, %s, %s\n", count(r.Providers, "provider"), count(r.Groups, "group"), count(r.Roles, "role"))
	if !r.Enabled {
		text += "but enabled is false: every protected request is answered 503 disabled\n"
	}
	if r.Impact != nil {
		text += impactText(r.Impact)
	}
	return text
}

// faultsText gives each fault as file:line: key: problem, with its hint on a line of its own.
func faultsText(faults config.Faults) string {
	var b strings.Builder
	for _, fault := range faults {
		line := fault.String()
		if fault.Notice {
			fault.Problem = "notice: " + fault.Problem
			line = fault.String()
		}
		b.WriteString(escape(line) + "\n")
		if fault.Hint != "" {
			b.WriteString("  hint: " + escape(fault.Hint) + "\n")
		}
	}
	return b.String()
}

// countFaults gives "1 fault", "3 faults": notices do not count.
func countFaults(faults config.Faults) string {
	n := 0
	for _, fault := range faults {
		if !fault.Notice {
			n++
		}
	}
	return count(n, "fault")
}
