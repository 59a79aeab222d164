// Fakeentra is an Entra ID tenant on loopback, to try claimd and to test against. It is a fake: it signs whatever it is
// asked to sign, and has no place in production.
//
//	fakeentra serve [--listen 127.0.0.1:4190] [--directory FILE]   the tenant alone; with --ca-file FILE over https
//	fakeentra mint --user reader                                   a token from a running one
//	fakeentra rotate                                               a new signing key in a running one
//	fakeentra demo --claimd bin/claimd                             the tenant, an API and claimd before it (make run)
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// The exit codes, as claimctl's.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	// A closed terminal or pipe too ends the demo in order: else claimd and the folder would stay behind.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run runs one command until it is done or ctx ends, and gives the exit code.
func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) int {
	root := newCommand()
	root.SetArgs(arguments)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	fmt.Fprintf(stderr, "fakeentra: %v\n", err)
	if _, failed := errors.AsType[*failure](err); failed {
		return exitFailed
	}
	fmt.Fprintln(stderr, "hint: fakeentra help")
	return exitUsage
}

// failure is an error of the work itself; every other error is one of usage.
type failure struct{ cause error }

func (f *failure) Error() string { return f.cause.Error() }
func (f *failure) Unwrap() error { return f.cause }

// work marks what a command's work returns as a failure.
func work(do func(*cobra.Command) error) func(*cobra.Command, []string) error {
	return func(command *cobra.Command, _ []string) error {
		if err := do(command); err != nil {
			return &failure{err}
		}
		return nil
	}
}

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "fakeentra",
		Short:         "an Entra ID tenant on loopback to try claimd with; never for production",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(serveCommand(), mintCommand(), rotateCommand(), demoCommand())
	return root
}
