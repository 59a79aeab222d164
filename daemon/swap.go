package daemon

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/claimd/claimd/daemon/admin"
	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/keys"
)

// attempt takes the candidate, at once or after its new providers' keys are fetched. They are fetched as the candidate's
// [outbound] says, and so is whatever else is fetched meanwhile: a failed fetch harms no keys that are good.
func (r *reloader) attempt() {
	c, now := r.pending, r.state.Load()
	c.stop()
	if sameOutbound(c.loaded.Config.Outbound, now.loaded.Config.Outbound) {
		c.loaded.Client = now.loaded.Client
	}
	r.setClient(c.loaded.Client)
	c.providers = c.loaded.Open(r.ring)
	serving := slices.Collect(maps.Values(now.providers))
	fresh := slices.DeleteFunc(slices.Collect(maps.Values(c.providers)), func(p *keys.Provider) bool {
		return slices.Contains(serving, p)
	})
	if len(fresh) == 0 {
		r.swap()
		return
	}
	c.fetch(fresh, r.pace.fetch)
}

// setClient spares the ring's idle connections where nothing changes.
func (r *reloader) setClient(client *http.Client) {
	if r.client != client {
		r.client = client
		r.ring.SetClient(client)
	}
}

func sameOutbound(a, b config.Outbound) bool {
	return a.Proxy == b.Proxy && bytes.Equal(a.CA, b.CA)
}

func (r *reloader) fetched(err error) {
	r.pending.cancel()
	r.pending.fetching = nil
	if err != nil {
		r.postpone(err.Error())
		return
	}
	r.swap()
}

// swap makes the candidate serve. Binding its addresses is the last thing that can fail.
func (r *reloader) swap() {
	c, before := r.pending, r.state.Load()
	change, err := r.doors.prepare(c.loaded.Config)
	if err != nil {
		r.postpone(err.Error())
		return
	}
	next := &running{loaded: c.loaded, seen: c.seen, providers: c.providers, generation: before.generation + 1, at: time.Now()}
	snapshot := c.loaded.Snapshot(c.providers, next.generation)
	snapshot.AskGraphs(r.graphs.use(c.loaded, c.providers))
	snapshot.AskOpaque(r.opaques.use(c.loaded, c.providers))
	r.gate.Swap(snapshot)
	change.commit()
	r.database(&c.loaded.Config.Directory.URL)
	r.ring.Keep(slices.Collect(maps.Values(c.providers)))
	if r.logging != nil {
		r.logging.apply(c.loaded.Config.Log)
	}
	r.pending, r.refused = nil, ""
	r.state.Store(&state{running: next})
	r.taken.Add(1)
	r.ready()
	logServing(r.log, next)
	c.waiters.answer(admin.ReloadResult{OK: true, Changed: true, Generation: next.generation, Faults: c.loaded.Notices})
}

// postpone refuses the candidate for now, and tries again later: what is wrong is outside the files.
func (r *reloader) postpone(problem string) {
	c := r.pending
	r.restore()
	delay := r.pace.retryMost
	if c.failures < 30 { // beyond, the shift alone would overflow
		delay = min(delay, r.pace.retry<<c.failures)
	}
	c.failures++
	c.retry = time.NewTimer(delay)
	waiting := c.waiters
	c.waiters = nil
	if c.problem == problem && len(waiting) == 0 {
		return // said already
	}
	c.problem = problem
	r.refuse(c.seen, c.loaded.Notices, problem, waiting)
}

// abandon gives the candidate up, and gives the waiters that have no verdict yet.
func (r *reloader) abandon() waiters {
	if r.pending == nil {
		return nil
	}
	r.pending.stop()
	waiting := r.pending.waiters
	r.pending = nil
	r.restore()
	return waiting
}

// restore gives the ring what the serving configuration needs, and nothing else.
func (r *reloader) restore() {
	now := r.state.Load()
	r.setClient(now.loaded.Client)
	r.ring.Keep(slices.Collect(maps.Values(now.providers)))
}
