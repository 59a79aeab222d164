package daemon

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/keys"
)

// ready tells systemd that what serves is settled, at the start and after each verdict on a reload.
func (r *reloader) ready() {
	r.told = r.sentence()
	r.systemd.tell(ready, "STATUS="+r.told)
}

// announce tells systemd what has changed since: keys come and go without a reload.
func (r *reloader) announce() {
	if !r.systemd.stores() {
		return
	}
	if now := r.sentence(); now != r.told {
		r.told = now
		r.systemd.tell("STATUS=" + now)
	}
}

// sentence says in a line what serves, for systemctl status: most important first.
func (r *reloader) sentence() string {
	now := r.state.Load()
	serving := fmt.Sprintf("generation %d", now.generation)
	if now.refused != nil {
		return oneLine(fmt.Sprintf("REFUSED %s; %s serves on", firstRefusal(now.refused.Faults, now.refused.Problem), serving))
	}
	cfg := now.loaded.Config
	if !cfg.Enabled {
		return fmt.Sprintf("Disabled: every request is answered 503; set enabled = true in %s (%s)", oneLine(r.path), serving)
	}
	return oneLine(fmt.Sprintf("%s: %s, %s, %s; %s%s; %s", readiness(now.providers), serving,
		count(len(cfg.Groups), "group"), count(len(cfg.Roles), "role"), keysOf(now.providers), r.unvouched(), r.listening()))
}

// unvouched tells that opaque tokens are refused, since the provider fails that is asked about them; "" = they are not.
func (r *reloader) unvouched() string {
	if r.opaques == nil {
		return ""
	}
	if s := r.opaques.status(); s != nil && s.Stats.NotAskedNow {
		return "; " + s.Provider + " DOES NOT ANSWER about opaque tokens"
	}
	return ""
}

// firstRefusal is the first fault, without its hint.
func firstRefusal(faults config.Faults, problem string) string {
	faults = slices.DeleteFunc(slices.Clone(faults), func(f config.Fault) bool { return f.Notice })
	if len(faults) == 0 {
		first, _, _ := strings.Cut(problem, "\n")
		return first
	}
	first := faults[0].String()
	if more := len(faults) - 1; more > 0 {
		first += " (and " + count(more, "more fault") + ")"
	}
	return first
}

func readiness(providers map[string]*keys.Provider) string {
	for _, provider := range providers {
		if provider.Live() {
			return "Ready"
		}
	}
	return "NOT READY"
}

// keysOf tells of each provider how many keys it has.
func keysOf(providers map[string]*keys.Provider) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(providers)) {
		status, usable := providers[name].Status(), map[string]bool{}
		for _, document := range status.Documents {
			for _, key := range document.Keys {
				if key.Ignored == "" {
					usable[key.ID] = true
				}
			}
		}
		if !status.Live {
			parts = append(parts, name+" has no live keys")
			continue
		}
		parts = append(parts, fmt.Sprintf("%s has %s", name, count(len(usable), "key")))
	}
	return strings.Join(parts, ", ")
}

func (r *reloader) listening() string {
	var addresses []string
	for _, listener := range r.doors.list() {
		addresses = append(addresses, listener.Door+" on "+listener.Address)
	}
	if addresses == nil {
		return "nothing listens"
	}
	return strings.Join(addresses, ", ")
}
