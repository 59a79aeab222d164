package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/reason"
)

const explainUsage = `claimctl explain tells why a token is let in or refused: every check in order with its verdict,
every claim value with what it matched or nearly matched, who the API would see, and what to change
where.

Usage: claimctl explain [FILE|-] [--route REQUEST] [--local] [--user NAME] [--config FILE]
                        [--socket PATH] [--json]

The token is read from FILE, or from standard input; "Bearer " before it and a line break after it
are taken off. It is never printed, and never taken as an argument: those show in the process list.

The running claimd judges, with the configuration and keys it serves with. Where none answers,
claimctl judges by the files, and fetches the keys from the providers itself. About a token that
is no JWT the provider is asked, where opaque_tokens says so.

  --route REQUEST
                 ask the [[route]] too, for a request such as "GET /api/x" or
                 "GET api.contoso.example/api/x"; without a host, none that names one decides
  --local        judge by the files, even where claimd runs
  --user NAME    judge the files' owners and permissions as if this user ran claimd (claimctl check)
  --config FILE  the main configuration file (default /etc/claimd/claimd.toml)
  --socket PATH  claimd's admin socket
  --json         print all of it as JSON

Exit status: 0 the token is let in, 1 it is refused, 2 wrong usage, 3 could not find out.
`

// explained is an explanation and who gave it, as explain --json prints it.
type explained struct {
	JudgedBy string `json:"judged_by"` // one sentence
	access.Explanation
}

func (t *tool) explainCommand() *cobra.Command {
	var local bool
	var route string
	cmd := &cobra.Command{
		Use: "explain", Short: "why a token is let in or refused", Long: explainUsage,
		Args: func(cmd *cobra.Command, args []string) error {
			for _, arg := range args {
				if looksLikeToken(arg) {
					return &failure{code: exitUsage, text: "explain takes no token as an argument: arguments show in the process list and in the shell's history",
						hint: "claimctl explain FILE, or: claimctl explain < FILE"}
				}
			}
			return takes(1, "one file, or - or nothing for standard input")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("route") {
				if _, err := access.ParseOriginal(route); err != nil {
					return misused("explain", "--route: %v", err)
				}
			}
			token, err := t.readToken(strings.Join(args, ""))
			if err != nil {
				return err
			}
			answer, err := t.explainFor(cmd.Context(), token, route, local)
			if err != nil {
				return err
			}
			return t.printExplained(answer)
		},
	}
	t.userFlag(cmd)
	cmd.Flags().StringVar(&route, "route", "", "ask the [[route]] too, for this request")
	cmd.Flags().BoolVar(&local, "local", false, "judge by the files, even where claimd runs")
	return cmd
}

// looksLikeToken knows what JWTs begin with ({" in base64url) and what tokens are copied with.
func looksLikeToken(arg string) bool {
	lower := strings.ToLower(arg)
	return strings.HasPrefix(arg, "eyJ") || strings.HasPrefix(lower, "bearer") || strings.HasPrefix(lower, "authorization:")
}

// readToken reads the token from the file, or from standard input where that is "" or "-".
func (t *tool) readToken(name string) (string, error) {
	source, from := t.stdin, "standard input"
	if name != "" && name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return "", &failure{code: exitUnknown, text: "the token's file cannot be opened: " + cause(err).Error()}
		}
		defer file.Close()
		source, from = file, name
	} else if file, ok := t.stdin.(*os.File); ok && isTerminal(file) {
		fmt.Fprintln(t.stderr, "claimctl: reading the token from the terminal; end it with Enter and Ctrl-D (a terminal cuts lines at 4,095 characters)")
	}
	text, err := io.ReadAll(io.LimitReader(source, admin.MaxToken+1))
	if err != nil {
		return "", &failure{code: exitUnknown, text: "the token cannot be read from " + from + ": " + cause(err).Error()}
	}
	if len(text) > admin.MaxToken {
		return "", misused("explain", "the token in %s is larger than 64 KiB", from)
	}
	token := bare(string(text))
	if token == "" {
		return "", misused("explain", "there is no token in %s", from)
	}
	return token, nil
}

// cause gives the reason of a file's error without its name: what was typed might be a token.
func cause(err error) error {
	if path, ok := errors.AsType[*os.PathError](err); ok {
		return path.Err
	}
	return err
}

// bare takes off what tokens are copied with: one line break after, and the scheme before. All else is left as it is:
// it is part of what the client would send.
func bare(text string) string {
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	const scheme = "bearer "
	if len(text) >= len(scheme) && strings.EqualFold(text[:len(scheme)], scheme) {
		return text[len(scheme):]
	}
	return text
}

// explain has the daemon judge the token, or judges it here.
func (t *tool) explain(ctx context.Context, token string, local bool) (explained, error) {
	return t.explainFor(ctx, token, "", local)
}

// explainFor is explain for a request, about which the routes are asked too; "" leaves them out.
func (t *tool) explainFor(ctx context.Context, token, route string, local bool) (explained, error) {
	why := "as --local asks"
	if !local {
		socket := t.socket()
		e, err := admin.NewClient(socket).ExplainFor(ctx, token, route)
		if err == nil {
			return explained{fmt.Sprintf("the running claimd judged, by generation %d", e.Generation), e}, nil
		}
		if !errors.Is(err, admin.ErrNoDaemon) {
			return explained{}, err
		}
		why = "as no claimd answers on " + socket
	}
	var original *access.Original
	if route != "" {
		var err error
		if original, err = access.ParseOriginal(route); err != nil {
			return explained{}, err
		}
	}
	e, err := t.explainAlone(ctx, token, original)
	return explained{fmt.Sprintf("claimctl judged by %s, %s", t.configPath, why), e}, err
}

// printExplained prints the answer; the error tells allowed, refused and unknown apart.
func (t *tool) printExplained(e explained) error {
	var err error
	if t.json {
		err = t.printJSON(e, false)
	} else {
		err = t.print(explainText(e, t.marks, t.now))
	}
	switch {
	case err != nil || e.Allowed:
		return err
	case e.Reason.Status() == 503 && e.Reason != reason.Disabled:
		return &failure{code: exitUnknown, text: "could not find out: " + cmp.Or(e.Reason.Sentence(), "claimd cannot know now")}
	}
	return refused()
}
