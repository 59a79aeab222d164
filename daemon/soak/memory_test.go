package soak

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	mebibyte = 1 << 20
	million  = 1_000_000

	// shortTokens is how many of anything the short forms send.
	shortTokens = 3000
)

// withFlags starts claimd with these flags after its usual ones.
func (r *rig) withFlags(flags string) *daemonProcess {
	r.t.Helper()
	return r.start("sh", "-c", `exec "$@" `+flags, "sh")
}

// manyGroups gives object IDs of groups, and the lines under [groups] that know them.
func manyGroups(n int) (ids []string, lines string) {
	for i := range n {
		ids = append(ids, fmt.Sprintf("0c5ab3e7-91d4-4f68-8a2b-%012x", i))
	}
	return ids, strings.Join(ids, " = \"\"\n") + " = \"\"\n"
}

// Issue "Hard to break", 7: what is kept between requests is bounded in bytes, whoever asks and however often. The long
// form sends a million different valid tokens (or what half of the time allows) of 5 groups, then of 200.
func TestAMillionDifferentValidTokensTakeABoundedMemory(t *testing.T) {
	for _, groups := range []int{5, 200} {
		t.Run(fmt.Sprintf("%d groups", groups), func(t *testing.T) {
			r := newRig(t)
			ids, lines := manyGroups(groups)
			p := newPress(t, r, ids)
			r.write(r.toml("[groups]\n", "[groups]\n"+lines))
			bound, flags := uint64(1*mebibyte), "--kept-identities 1MiB"
			tokens, within := int64(shortTokens/2), startWithin
			if long() > 0 {
				bound, flags = 12*mebibyte, "" // what is usual
				tokens, within = million, long()/2
			}
			d := r.withFlags(flags)
			before := d.facts()
			result, most := p.sendAll(d, tokens, within)
			after := d.facts()
			status := d.status()
			kept := status.Counts
			t.Logf("%d bytes a token; %v\n  before: %v\n  most while it lasted: %.1f MiB resident\n  after: %v\n  kept: %d identities in %d bytes of %d",
				len(p.token(0)), result, before, float64(most)/mebibyte, after, kept.Kept, kept.KeptBytes, kept.KeptLimit)
			if result.failed > 0 || result.wrong > 0 || result.statuses[200] != result.asked || result.asked == 0 {
				t.Errorf("%v %q", result, result.problems)
			}
			if kept.KeptLimit != bound || kept.KeptBytes > bound || kept.KeptBytes < bound/2 || kept.Kept >= result.asked {
				t.Errorf("%d identities are kept in %d bytes of %d, want as many as fit in %d of %d",
					kept.Kept, kept.KeptBytes, kept.KeptLimit, bound, result.asked)
			}
			if peak := max(most, after.peak); peak > 64*mebibyte {
				t.Errorf("%.1f MiB resident at most, want less than 64", float64(peak)/mebibyte)
			}
			if slices.Max([]int{after.goroutines, before.goroutines})-before.goroutines > 20 {
				t.Errorf("%d goroutines, %d before", after.goroutines, before.goroutines)
			}
		})
	}
}

// sendAll sends that many different tokens, or what can be sent within the time, and gives the most that claimd was
// seen to take meanwhile, in bytes.
func (p *press) sendAll(d *daemonProcess, tokens int64, within time.Duration) (result *loadResult, most int64) {
	d.t.Helper()
	const connections = 8
	running := load{
		address: d.address, connections: connections, limit: time.Minute,
		next: func(connection, number int) []byte {
			return get("/auth", bearer(p.token(uint64(number*connections+connection))))
		},
	}.start()
	for limit := time.Now().Add(within); running.asked.Load() < tokens && time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		f, err := processFacts(d.pid)
		if err != nil {
			break // it is dead, which the answers tell
		}
		most = max(most, f.resident)
	}
	return running.stop(), most
}
