package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/claimd/claimd/daemon/config"
)

const rootUsage = `claimctl asks and steers claimd, which lets callers with Entra ID tokens in to your API, or not.

Usage: claimctl VERB [FLAG]...

  check [--with PATH=FILE]...  judge the configuration files; needs no running claimd
  check --impact               ... and tell which users would gain or lose what
  reload                       have claimd read its files again, and wait for the verdict
  status                       what claimd does: files, providers, listeners, counts
  explain [FILE|-] [--local]   why a token is let in or refused, check by check
  test-access                  sign in, judge the token, call the API: from nothing to yes
  doctor [--api-url URL]       whether files, providers, clock and gateway are in place
  doctor --manifest FILE       what an app registration's manifest lacks, and the lines to set
  denials [ID] [--follow]      the last 1,000 refusals, and what mends each
  users list                   who has come: users, service accounts, guests, administrators
  users show ID                all that is known of one user
  users deactivate ID          refuse a user from the next request on
  users activate ID            let a user in again
  users invite ID              let in a user who need not have come yet
  users revoke ID              refuse the tokens of a user that were issued before now
  users forget ID              remove what is known of a user
  groups [--roles]             each local group or role, and how many have it
  unmatched                    the claim values that name nothing local, and the lines to paste
  keys                         the signing keys of each provider, their age and source
  keys refresh [PROVIDER]      have claimd fetch the keys now
  import eclecticiq FILE       a claimd.toml from an EclecticIQ platform_settings.py
  snippet GATEWAY              the configuration of nginx, Caddy, HAProxy ... for this claimd
  version                      the version of claimctl

Flags of every verb:
  --config FILE  the main configuration file; conf.d stands beside it
                 (default ` + config.DefaultPath + `)
  --socket PATH  claimd's admin socket (default: socket under [admin] in FILE)
  --json         print the facts as JSON
  --help         print this; with a verb, print more about the verb

Exit status: 0 yes or done, 1 no or refused, 2 wrong usage, 3 could not find out.
`

// rootCommand builds the whole command line. All texts are claimctl's own: cobra finds the verb and the flags.
func (t *tool) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use: "claimctl", Long: rootUsage,
		Args:          cobra.ArbitraryArgs,
		RunE:          runWithoutVerb,
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions:          cobra.CompletionOptions{HiddenDefaultCmd: true},
		SuggestionsMinimumDistance: 2, // letters; without it cobra knows beginnings alone
	}
	root.SetOut(t.stdout)
	root.SetErr(t.stderr)
	root.SetIn(t.stdin)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { fmt.Fprint(cmd.OutOrStdout(), cmd.Long) })
	root.SetHelpCommand(helpCommand(root))
	root.SetFlagErrorFunc(flagError)
	flags := root.PersistentFlags()
	flags.StringVar(&t.configPath, "config", config.DefaultPath, "the main configuration file")
	flags.StringVar(&t.socketPath, "socket", "", "claimd's admin socket")
	flags.BoolVar(&t.json, "json", false, "print the facts as JSON")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if t.configPath == "" {
			return misused(verbOf(cmd), "--config: want the path of a file, got nothing")
		}
		return nil
	}
	root.AddCommand(t.checkCommand(), t.reloadCommand(), t.statusCommand(), t.explainCommand(), t.testAccessCommand(),
		t.doctorCommand(), t.denialsCommand(), t.usersCommand(), t.groupsCommand(), t.unmatchedCommand(), t.keysCommand(),
		t.importCommand(), t.snippetCommand(), t.versionCommand())
	return root
}

// helpCommand is `claimctl help [VERB]...`, for those who try it; the usage text names --help alone.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [VERB]", Hidden: true, Long: rootUsage,
		RunE: func(cmd *cobra.Command, args []string) error {
			topic, rest, err := root.Find(args)
			if err != nil || topic == nil || (topic == root && len(rest) > 0) {
				return unknownVerb(root, args[0])
			}
			return topic.Help()
		},
	}
}

func runWithoutVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return misused("", "want a verb: check, reload, status, explain, test-access, doctor, denials, users, groups, unmatched, keys, import, snippet or version")
	}
	return unknownVerb(cmd, args[0])
}

// unknownVerb repeats what was typed only where it can be a misspelt verb: it might be a token.
func unknownVerb(root *cobra.Command, verb string) error {
	if len(verb) > 20 {
		return misused("", "there is no such verb")
	}
	err := &failure{code: exitUsage, text: fmt.Sprintf("there is no verb %q", verb), hint: "claimctl --help"}
	if near := root.SuggestionsFor(verb); len(near) > 0 {
		err.hint = "did you mean claimctl " + strings.Join(near, " or ") + "?"
	}
	return err
}

// flagError puts the flag library's words into claimctl's form. Flags of a misspelt verb are unknown too; then the verb
// is what to mend.
func flagError(cmd *cobra.Command, err error) error {
	if args := cmd.Flags().Args(); cmd == cmd.Root() && len(args) > 0 {
		return unknownVerb(cmd, args[0])
	}
	text, _, _ := strings.Cut(err.Error(), ": strconv.")
	return misused(verbOf(cmd), "%s", text)
}

// verbOf gives the words after claimctl that lead to the command: "keys refresh"; "" for claimctl itself.
func verbOf(cmd *cobra.Command) string {
	return strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), "claimctl"), " ")
}

// takes bounds how many arguments a verb takes. It does not repeat them: one may be a token.
func takes(most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) <= most {
			return nil
		}
		return misused(verbOf(cmd), "want %s, got %d", what, len(args))
	}
}
