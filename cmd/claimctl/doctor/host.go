package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/claimd/claimd/cmd/claimctl/finding"
	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/config"
)

// host is this host: its files, and the claimd that runs on it.
type host struct {
	options Options
	status  *admin.Status // nil: no claimd has answered
}

// hostChecks are the questions about this host, in the order in which they are read.
var hostChecks = []check[host]{
	{name: "configuration", ask: (*host).askConfiguration},
	{name: "claimd", ask: (*host).askDaemon},
	{name: "version", needs: "claimd", ask: (*host).askVersion},
	{name: "same files", needs: "claimd", ask: (*host).askFiles},
	{name: "ready", needs: "claimd", ask: (*host).askReady},
	{name: "directory", needs: "claimd", ask: (*host).askDirectory},
}

func (h *host) askConfiguration(context.Context) finding.Finding {
	if h.options.Loaded == nil {
		return faulty(h.options.Path, h.options.Faults)
	}
	c := h.options.Loaded.Config
	text := fmt.Sprintf("%s: %s, %s, %s", h.options.Path, count(len(c.Providers), "provider"), count(len(c.Groups), "group"), count(len(c.Roles), "role"))
	if n := len(h.options.Faults); n > 0 {
		text += ", and " + count(n, "notice") + ": claimctl check"
	}
	if !c.Enabled {
		return finding.Bad("enabled = true, above the first table", "%s, but enabled is false: every protected request is answered 503 disabled", text)
	}
	return finding.Good("%s", text)
}

// faulty sums the faults up: check tells them all.
func faulty(path string, faults config.Faults) finding.Finding {
	var first config.Fault
	n, unreadable := 0, 0
	for _, fault := range faults {
		if fault.Notice {
			continue
		}
		if n == 0 {
			first = fault
		}
		if fault.Unreadable {
			unreadable++
		}
		n++
	}
	if n > 0 && n == unreadable {
		return finding.Untold(first.Hint, "%s", first.String())
	}
	if n == 0 {
		return finding.Untold("claimctl check", "%s cannot be judged", path)
	}
	return finding.Bad("claimctl check tells all, with hints", "%s, the first: %s", count(n, "fault"), first.String())
}

func (h *host) askDaemon(ctx context.Context) finding.Finding {
	status, err := admin.NewClient(h.options.Socket).Status(ctx)
	text, hint, _ := strings.Cut(fmt.Sprint(err), "\n")
	hint = strings.TrimPrefix(strings.TrimSpace(hint), "hint: ")
	switch {
	case errors.Is(err, admin.ErrNoDaemon):
		return finding.Bad("systemctl start claimd, then journalctl -u claimd; if it runs, name its socket with --socket", "%s", text)
	case err != nil:
		return finding.Untold(hint, "%s", text)
	}
	h.status = &status
	return finding.Good("runs, pid %d, and answers on %s", status.PID, h.options.Socket)
}

func (h *host) askVersion(context.Context) finding.Finding {
	if h.status.Version != h.options.Version {
		return finding.Bad("systemctl restart claimd: an older one runs on after an upgrade", "claimd is %s, claimctl is %s", h.status.Version, h.options.Version)
	}
	return finding.Good("%s, as claimctl", h.status.Version)
}

// askFiles holds what the daemon serves against what stands on disk.
func (h *host) askFiles(context.Context) finding.Finding {
	if h.status.LastRefused != nil {
		return finding.Bad("claimctl status tells the faults", "claimd has refused the files and goes on with generation %d", h.status.Generation)
	}
	if h.options.Loaded == nil {
		return finding.Untold("", "needs a yes for configuration")
	}
	tree := h.options.Loaded.Tree
	if !tree.Whole() {
		return finding.Untold("claimctl status shows the hash of each file", "the files name a credential, which only the service can read")
	}
	if tree.Hash() != h.status.Hash {
		return finding.Bad("claimctl reload, which waits for the verdict; or name the file that claimd reads with --config",
			"claimd serves other files than %s holds now", h.options.Path)
	}
	return finding.Good("claimd serves what is on disk, generation %d", h.status.Generation)
}

func (h *host) askReady(context.Context) finding.Finding {
	switch {
	case !h.status.Enabled:
		return finding.Bad("enabled = true, above the first table", "it answers every protected request with 503 disabled")
	case !h.status.Ready:
		return finding.Bad("see the answers about the providers, then claimctl keys refresh", "no provider has live keys: it answers 503 keys_unavailable")
	}
	return finding.Good("at least one provider has live keys")
}

// askDirectory asks about the store of users.
func (h *host) askDirectory(context.Context) finding.Finding {
	d := h.status.Directory
	where := d.Store + ", " + d.Place
	switch {
	case d.Store == "":
		return finding.Bad("mend what is found, then systemctl restart claimd", "claimd runs without a directory of users: %s", d.Problem)
	case d.ReadOnly:
		return finding.Bad("look at the disk (journalctl -k), then systemctl restart claimd", "%s: a write failed for good, and nothing is written since", where)
	case !d.Usable:
		return finding.Bad("look at the database, and at journalctl -u claimd", "%s cannot be read: requests are answered 503 directory_unavailable", where)
	case d.Problem != "":
		return finding.Bad("claimctl status and journalctl -u claimd tell more", "%s: %s", where, d.Problem)
	}
	return finding.Good("%s: %s", where, count(d.Known, "user"))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
