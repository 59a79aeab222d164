package access

import (
	"net/http"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/entratest"
)

// Recall is Decide for who is kept and let in, and nothing for everybody else: it refuses nobody, and counts nothing then.
func TestRecallLetsInWhomDecideLetsIn(t *testing.T) {
	trusted := func(c *config.Config) {
		c.Server.OriginalRequest = config.OriginalXOriginal
		c.Server.TrustedProxies.Unix = true
	}
	original := func(method, path string) http.Header {
		return http.Header{"X-Original-Method": {method}, "X-Original-Host": {"api"}, "X-Original-Uri": {path}}
	}
	for _, c := range []struct {
		says   string
		change func(*config.Config)
		header http.Header
		known  bool // Decide has seen the token before
		at     time.Duration
		want   bool
	}{
		{says: "kept", known: true, want: true},
		{says: "kept, with other fields", known: true, header: http.Header{"User-Agent": {"x"}}, want: true},
		{says: "not kept"},
		{says: "an identity header", known: true, header: http.Header{"Remote_user": {"root"}}},
		{says: "expired", known: true, at: 30 * time.Hour},
		{says: "the clock was set back", known: true, at: -time.Hour},
		{says: "switched off", change: func(c *config.Config) { c.Enabled = false }, known: true},
		{says: "a route that lets in", known: true, want: true, header: original("GET", "/open/"), change: func(c *config.Config) {
			trusted(c)
			c.Routes = []config.Route{{Match: "/open/", Groups: []string{"Analysts"}}}
		}},
		{says: "a route that does not", known: true, header: original("GET", "/closed/"), change: func(c *config.Config) {
			trusted(c)
			c.Routes = []config.Route{{Match: "/closed/", Admin: true}}
		}},
		{says: "a public route, which needs no token", known: true, header: original("GET", "/public/"), change: func(c *config.Config) {
			trusted(c)
			c.Routes = []config.Route{{Match: "/public/", Public: true}, {Match: "/open/", Groups: []string{"Analysts"}}}
		}},
		{says: "an original request that is not told", known: true, change: func(c *config.Config) {
			trusted(c)
			c.Routes = []config.Route{{Match: "/", Groups: []string{"Analysts"}}}
		}},
	} {
		t.Run(c.says, func(t *testing.T) {
			f := newFixture(t, c.change)
			raw := f.mint(entratest.Request{User: "reader"})
			if c.known {
				header := original("GET", "/open/")
				header["Authorization"] = []string{"Bearer " + raw}
				f.gate.Decide(t.Context(), Request{Header: header, Peer: PeerUnix})
			}
			f.now = f.now.Add(c.at)
			before, denials := f.gate.Stats(), len(f.gate.Denials().List(""))
			got, ok := f.gate.Recall(Request{Header: c.header, Peer: PeerUnix}, []byte(raw))
			after := f.gate.Stats()
			if ok != c.want {
				t.Fatalf("recalled %v, want %v", ok, c.want)
			}
			if !ok {
				if after.Allowed != before.Allowed || after.KeptLatency.Count != before.KeptLatency.Count || len(f.gate.Denials().List("")) != denials {
					t.Errorf("counted %+v after %+v", after, before)
				}
				return
			}
			if after.Allowed != before.Allowed+1 || after.KeptLatency.Count != before.KeptLatency.Count+1 {
				t.Errorf("counted %+v after %+v", after, before)
			}
			header := bearerHeader(raw)
			for name, values := range c.header {
				header[name] = values
			}
			want := f.gate.Decide(t.Context(), Request{Header: header, Peer: PeerUnix})
			if !got.Allowed() || got.ID == want.ID || got.Identity != want.Identity || got.Snapshot() != want.Snapshot() ||
				got.Generation != want.Generation || fieldsText(got.Headers) != fieldsText(want.Headers) {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
}

// The token's bytes are the door's buffer: they are not kept, and a request costs the decision's id and no more.
func TestRecallAllocatesTheDecisionsIDAlone(t *testing.T) {
	f := newFixture(t, nil)
	raw := []byte(f.mint(entratest.Request{User: "reader"}))
	f.decide(string(raw))
	header := http.Header{"X-Original-Uri": {"/x"}}
	if n := testing.AllocsPerRun(100, func() {
		if _, ok := f.gate.Recall(Request{Header: header}, raw); !ok {
			t.Fatal("not recalled")
		}
	}); n > 2 {
		t.Errorf("%v allocations, want 2: the count in the id and the id", n)
	}
	if _, ok := f.gate.Recall(Request{Header: header}, append(raw, 'x')); ok {
		t.Error("another token is recalled")
	}
	raw[len(raw)-1] ^= 1
	if _, ok := f.gate.Recall(Request{Header: header}, raw); ok {
		t.Error("a token with another byte is recalled")
	}
}

// What breaks is Decide's to tell of.
func TestARecallThatBreaksLetsNobodyIn(t *testing.T) {
	gate := &Gate{now: time.Now}
	if decision, ok := gate.Recall(Request{}, []byte("a.b.c")); ok || decision.Allowed() {
		t.Errorf("got %+v", decision)
	}
}
