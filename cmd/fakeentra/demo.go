package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"
)

// options say what the demo runs.
type options struct {
	claimd   string // path of the daemon's program
	claimctl string // path that the screen shows; "" = beside claimd
	once     bool   // make every request itself, edit the configuration, and end
}

func demoCommand() *cobra.Command {
	var o options
	command := &cobra.Command{
		Use:   "demo",
		Short: "run the tenant, a sample API and claimd in front of it, and show how to call it",
		Args:  cobra.NoArgs,
		RunE: work(func(command *cobra.Command) error {
			return demo(command.Context(), command.OutOrStdout(), o)
		}),
	}
	command.Flags().StringVar(&o.claimd, "claimd", "bin/claimd", "`path` of claimd")
	command.Flags().StringVar(&o.claimctl, "claimctl", "", "`path` of claimctl, to be shown (default beside claimd)")
	command.Flags().BoolVar(&o.once, "once", false, "make every request once, see one edit take effect, and end")
	return command
}

// demo runs until ctx ends, or with once until everything was shown. What it started is then ended, and its folder gone.
func demo(ctx context.Context, out io.Writer, o options) error {
	if o.claimctl == "" {
		o.claimctl = filepath.Join(filepath.Dir(o.claimd), "claimctl")
	}
	stage, err := newStage()
	if err != nil {
		return err
	}
	defer stage.close()

	log := newLog(out)
	daemon, err := startDaemon(o.claimd, stage.config(), log)
	if err != nil {
		return err
	}
	defer daemon.stop()
	if err := daemon.waitReady(ctx, "http://"+stage.server+"/readyz"); err != nil {
		if ctx.Err() != nil {
			return nil // interrupted: that is no failure
		}
		return err
	}
	screen := screen{out: out, stage: stage, claimctl: o.claimctl}
	if o.once {
		return rehearse(ctx, screen)
	}
	screen.show()
	log.follow()
	select {
	case <-ctx.Done():
		fmt.Fprintln(out, "\nending claimd, the API and the tenant; removing "+stage.folder)
		return nil
	case <-daemon.ended:
		return daemon.death()
	}
}
