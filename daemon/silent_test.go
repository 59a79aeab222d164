package daemon

import (
	"net"
	"net/http"
	"slices"
	"testing"
)

// namedConn is a connection that tells who was closed.
type namedConn struct {
	net.Conn
	name   string
	closed *[]string
}

func (c namedConn) Close() error {
	*c.closed = append(*c.closed, c.name)
	return nil
}

// Ten thousand connections that say nothing took 289 MiB. Those that are silent for longest go first; whoever asks is
// never closed, and strangers who hold what they have opened do not take the places of clients between two requests.
func TestTheLongestSilentConnectionGoesFirst(t *testing.T) {
	type step struct {
		name  string
		state http.ConnState
		gone  string // who is closed by it; "" = nobody
	}
	for _, c := range []struct {
		story string
		steps []step
		left  int // silent ones
	}{
		{"the third that has not asked", []step{
			{"a", http.StateNew, ""}, {"b", http.StateNew, ""}, {"c", http.StateNew, "a"}, {"a", http.StateClosed, ""}, {"d", http.StateNew, "b"},
		}, 2},
		{"who asks is not silent", []step{
			{"a", http.StateNew, ""}, {"a", http.StateActive, ""}, {"b", http.StateNew, ""}, {"c", http.StateNew, ""}, {"d", http.StateNew, "b"},
		}, 2},
		{"who asked again is silent anew", []step{
			{"a", http.StateIdle, ""}, {"b", http.StateIdle, ""}, {"a", http.StateActive, ""}, {"a", http.StateIdle, ""}, {"c", http.StateIdle, "b"},
		}, 2},
		{"the two kinds have places of their own", []step{
			{"a", http.StateIdle, ""}, {"b", http.StateIdle, ""}, {"c", http.StateNew, ""}, {"d", http.StateNew, ""}, {"e", http.StateNew, "c"},
			{"f", http.StateIdle, "a"},
		}, 4},
		{"who went, and who became a tunnel, has no place", []step{
			{"a", http.StateNew, ""}, {"a", http.StateClosed, ""}, {"b", http.StateNew, ""}, {"b", http.StateActive, ""},
			{"b", http.StateHijacked, ""}, {"c", http.StateNew, ""}, {"c", http.StateClosed, ""}, {"c", http.StateClosed, ""},
		}, 0},
	} {
		t.Run(c.story, func(t *testing.T) {
			s := newSilence(2, 2)
			var closed, want []string
			conns := map[string]*connection{}
			for _, step := range c.steps {
				if conns[step.name] == nil {
					conns[step.name] = newConnection(namedConn{name: step.name, closed: &closed})
				}
				s.note(conns[step.name], step.state)
				if step.gone != "" {
					want = append(want, step.gone)
				}
				if !slices.Equal(closed, want) {
					t.Fatalf("after %s %v: closed are %q, want %q", step.name, step.state, closed, want)
				}
			}
			if got := s.unasked.count + s.idle.count; got != c.left || got != len(s.unasked.names())+len(s.idle.names()) {
				t.Errorf("%d silent, %q and %q, want %d", got, s.unasked.names(), s.idle.names(), c.left)
			}
		})
	}
}

// names gives who is silent, both ways round the ring.
func (q *quiet) names() (names []string) {
	for p := q.ends.after; p != &q.ends; p = p.after {
		names = append(names, p.conn.Conn.(namedConn).name)
		if p.after.before != p {
			return append(names, "and a broken ring")
		}
	}
	return names
}

func BenchmarkAConnectionThatAsks(b *testing.B) {
	s := newSilence(maxUnasked, maxIdle)
	for range 100 {
		s.note(newConnection(nil), http.StateIdle)
	}
	conn := newConnection(nil)
	b.ReportAllocs()
	for b.Loop() {
		s.note(conn, http.StateActive)
		s.note(conn, http.StateIdle)
	}
}
