// Claimd verifies Microsoft Entra ID access tokens and maps their claims exactly onto local groups and roles, for
// gateways or in front of the API itself.
//
// The program translates the outside world, flags and signals, for package daemon, and its errors into exit codes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"syscall"

	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/access"
	"github.com/claimd/claimd/daemon/config"
)

const usage = `usage: claimd [--config FILE] [--kept-identities SIZE]

claimd verifies Microsoft Entra ID access tokens and maps their claims onto local
groups and roles. It runs in the foreground until SIGTERM or SIGINT.

  --config FILE   the configuration; conf.d/*.toml beside it belongs to it
                  (default ` + config.DefaultPath + `)
  --kept-identities SIZE
                  memory for verified identities that are kept between requests,
                  1MiB to 1GiB (default ` + usualKept + `); the process takes up to
                  four times as much and 12 MiB, and 28 KiB a connection
  --version       print the version
  --help          print this

A changed configuration is taken by itself, or on SIGHUP. "claimctl reload" does the
same and prints the verdict; "claimctl check" judges the files without a daemon.

exit codes: 0 stopped as asked, 2 wrong usage, 77 something may not be read, written
or bound, 78 the configuration has faults or the directory of users cannot be used,
1 anything else
`

// The exit codes; those above 64 are of sysexits.h.
const (
	exitDone       = 0
	exitFailed     = 1
	exitUsage      = 2
	exitPermission = 77 // EX_NOPERM
	exitConfig     = 78 // EX_CONFIG
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(arguments []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("claimd", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	path := flags.String("config", config.DefaultPath, "")
	kept := keptSize(access.KeptBytes)
	flags.Var(&kept, "kept-identities", "")
	showVersion := flags.Bool("version", false, "")
	err := flags.Parse(arguments)
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("want flags alone, got %q", flags.Arg(0))
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return exitDone
	case err != nil:
		fmt.Fprintf(stderr, "claimd: %v\n  hint: claimd --help\n", err)
		return exitUsage
	case *showVersion:
		fmt.Fprintln(stdout, "claimd", daemon.Version(version))
		return exitDone
	}
	limitMemory(kept, 0)
	return report(serve(daemon.Options{
		ConfigPath: *path, Version: daemon.Version(version), Kept: uint64(kept),
		Users: func(known int) { limitMemory(kept, known) },
	}), stderr)
}

// serve runs the daemon until a signal ends it. A second signal ends the process at once.
func serve(options daemon.Options) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop)
	options.Reload = hangups(ctx)
	options.Systemd = daemon.FromSystemd()
	options.Credentials = os.Getenv("CREDENTIALS_DIRECTORY") // systemd.exec(5)
	return daemon.Run(ctx, options)
}

// hangups gives a value for SIGHUPs until ctx ends; those that come before the last is received are one.
// A SIGHUP after that does nothing: it must not end a daemon that drains.
func hangups(ctx context.Context) <-chan struct{} {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	reload := make(chan struct{})
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-signals:
			}
			select {
			case <-ctx.Done():
				return
			case reload <- struct{}{}:
			}
		}
	}()
	return reload
}

// report prints why the daemon ended and gives the exit code.
func report(err error, stderr io.Writer) int {
	if err == nil {
		return exitDone
	}
	if faults, ok := errors.AsType[config.Faults](err); ok {
		fmt.Fprintln(stderr, faults.Error())
		if unread(faults) {
			return exitPermission
		}
		return exitConfig
	}
	fmt.Fprintf(stderr, "claimd: %v\n", err)
	_, ofDirectory := errors.AsType[*daemon.DirectoryError](err)
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return exitPermission
	case ofDirectory && !errors.Is(err, syscall.ENOSPC): // room is made without anybody starting claimd again
		return exitConfig
	}
	return exitFailed
}

// unread reports whether nothing is known to be wrong but that files may not be read.
func unread(faults config.Faults) bool {
	for _, fault := range faults {
		if !fault.Notice && !fault.Unreadable {
			return false
		}
	}
	return true
}

// version is set by the linker (-X main.version=...); "" = what daemon.Version finds.
var version string
