package soak

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

// brokenDescriptors: FAULTS 155. Strangers take all descriptors that the process may have. Connections that are open go on,
// claimd waits for others to go, and neither the CPU nor the log fills up.
func brokenDescriptors(t *testing.T) []string {
	s := newStand(t, "sh", "-c", `ulimit -n 64 && exec "$@"`, "sh")
	hold := 1200 * time.Millisecond
	if long() > 0 {
		hold = 12 * time.Second // beyond the 5 s that a request header may take: they are closed, and others take their places
	}
	var open []net.Conn
	const refuses = "Accept error"
	s.during(fault{
		name: "descriptors: 64, and 200 connections that say nothing", cpu: 0.3, hold: hold,
		begin: func() {
			for range 200 {
				socket, err := net.DialTimeout("tcp", s.daemon.address, 5*time.Second)
				if err != nil {
					if !errors.Is(err, os.ErrDeadlineExceeded) {
						t.Error(err)
					}
					break
				}
				open = append(open, socket)
			}
			s.waitLogged(refuses, 1)
		},
		while: func() { must(t, syscall.Kill(s.daemon.pid, syscall.SIGHUP)) }, // a file that cannot be read is not one that is gone
		end: func() {
			for _, socket := range open {
				_ = socket.Close()
			}
		},
	})
	lines := s.logged(refuses)
	if most := 60 + 10*int(hold/time.Second); lines > most {
		t.Errorf("%d lines say that no connection can be accepted, want %d at most", lines, most)
	}
	s.refresh()
	s.wantReloaded()
	before, begun := s.logged(refuses), time.Now()
	done := make(chan struct{})
	var dialing sync.WaitGroup
	s.during(fault{
		name: "descriptors: 64, and 800 connections a second", cpu: 0.9, hold: hold,
		begin: func() {
			for range 100 {
				dialing.Go(func() { comeAndGo(s.daemon.address, done) })
			}
		},
		end: func() { close(done); dialing.Wait() },
	})
	took := time.Since(begun)
	if come, most := s.logged(refuses)-before, 3+int(took/time.Second); come > most {
		t.Errorf("strangers come and go: %d lines say in %v that no connection can be accepted, want %d at most", come, took, most)
	}
	t.Logf("descriptors: %d lines while nothing is said, %d in %v while strangers come and go", lines, s.logged(refuses)-before, took)
	return s.finish()
}

// comeAndGo opens connections and closes them.
func comeAndGo(address string, done <-chan struct{}) {
	for {
		socket, err := net.DialTimeout("tcp", address, time.Second)
		select {
		case <-done:
			if err == nil {
				_ = socket.Close()
			}
			return
		case <-time.After(125 * time.Millisecond):
		}
		if err == nil {
			_ = socket.Close()
		}
	}
}
