// Claimctl is the operator's tool for claimd: it checks configurations, has the daemon reload, and explains what the
// daemon does and why. It renders what other packages compute, and decides nothing itself.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/etc/gateways"
)

// serviceUser is the user that the packages make for claimd.
const serviceUser = "claimd"

func main() { os.Exit(run(serviceUser)) }

// run translates the outside world and gives the exit status. service is the user that claimd runs as where the host has
// one of that name.
func run(service string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	t := &tool{service: service, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, now: time.Now(), marks: marksFor(isTerminal(os.Stdout), os.Getenv),
		width: widthOf(os.Stdout), gatewaySocket: gateways.ShippedSocket}
	root := t.rootCommand()
	root.SetArgs(os.Args[1:])
	return t.report(root.ExecuteContext(ctx))
}

// tool is what every verb works with.
type tool struct {
	configPath string
	socketPath string // "" = what the configuration says
	json       bool
	service    string // the user that claimd runs as where the host has one of that name
	user       string // --user; "" = see account
	stdin      io.Reader
	stdout     io.Writer // the facts that were asked for, and nothing else
	stderr     io.Writer // why there are none
	now        time.Time // when claimctl was started; its location is that of all times printed
	marks      marks
	width      int // of the terminal, in characters; 0: standard output is none

	gatewaySocket string // is there while claimd.socket is in use; "" = never
}

// socket gives the path of the daemon's admin socket.
func (t *tool) socket() string {
	if t.socketPath != "" {
		return t.socketPath
	}
	return config.AdminSocket(t.configPath)
}

// client gives the way to the daemon.
func (t *tool) client() *admin.Client { return admin.NewClient(t.socket()) }
