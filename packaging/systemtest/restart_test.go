package systemtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// restarts is how often the daemon is restarted under load.
const restarts = 100

// TestNoRequestIsLost restarts, upgrades, stops and kills the daemon while a gateway asks it 500 times a second.
func TestNoRequestIsLost(t *testing.T) {
	h := boot(t)
	token := h.serving()
	h.step("a hundred restarts", func(h *host) { h.restarts(server, token, restarts, "TCP") })
	h.step("a process that gets no time", func(h *host) { h.paused(token) })
	h.step("an upgrade", func(h *host) { h.upgrade(token) })
	h.step("a killed daemon", func(h *host) { h.killed(token) })
	h.step("a unix socket of claimd's own", func(h *host) {
		h.write("/etc/claimd/conf.d/30-unix.toml", "[server]\nlisten = [\"unix:/run/claimd/server.sock\", \""+server+"\"]\n")
		h.run("systemctl", "reload", "claimd")
		h.restarts("unix:"+h.path("/run/claimd/server.sock"), token, 10, "its unix socket")
	})
	h.step("an address that is changed live", func(h *host) { h.moved(token) })
	h.step("a stop with a slow request under way", func(h *host) { h.drained(token) })
}

// lost fails the test for each request that a client would see fail.
func (h *host) lost(what string, t tally) {
	h.t.Helper()
	figure(what, "%d requests, %d failed, %d asked again on a new connection; median %s, slowest %s",
		t.Sent, t.failed(), t.Retried, milliseconds(t.Median), milliseconds(t.Slowest))
	h.t.Log(t)
	if t.failed() > 0 || t.Sent == 0 {
		h.t.Errorf("%s: want no request lost, got %s", what, t)
	}
}

func (h *host) restarts(target, token string, times int, where string) {
	stop := h.load(target, token)
	var took, starts []time.Duration
	pid := h.property("MainPID")
	for range times {
		h.run("systemctl", "reset-failed", "claimd") // else systemd sees too many starts
		begun := time.Now()
		o := h.try("systemctl", "restart", "claimd")
		took = append(took, time.Since(begun))
		if now := h.property("MainPID"); o.code != 0 || now == pid {
			h.t.Errorf("want a new process after the restart, got %s again and %s", now, o)
			break
		}
		pid = h.property("MainPID")
		starts = append(starts, h.start())
	}
	h.lost(strconv.Itoa(times)+" restarts, "+where, stop())
	slices.Sort(took)
	slices.Sort(starts)
	figure("  each restart, under load", "median %s, slowest %s; of it from the start to READY=1 median %s, slowest %s",
		milliseconds(took[len(took)/2]), milliseconds(took[len(took)-1]), milliseconds(starts[len(starts)/2]), milliseconds(starts[len(starts)-1]))
}

// paused lets a thousand connections wait at once, each with its request, as after a start on a busy machine. Of those
// beyond the 512 that may be silent claimd once closed the oldest, before it had looked at what they had sent.
func (h *host) paused(token string) {
	pid := h.property("MainPID")
	stop := h.load(server, token)
	time.Sleep(time.Second / 2)
	h.run("kill", "-STOP", pid)
	time.Sleep(2500 * time.Millisecond)
	h.run("kill", "-CONT", pid)
	time.Sleep(time.Second)
	h.lost("2.5 s without any time", stop())
}

// upgrade installs a later build whose claimd.toml has changed, over one that was edited.
func (h *host) upgrade(token string) {
	edited := h.content(configFile)
	later := h.later()
	pid := h.property("MainPID")
	stop := h.load(server, token)
	time.Sleep(time.Second)
	words := h.install(later)
	time.Sleep(time.Second)
	h.lost("an upgrade", stop())
	if now := h.property("MainPID"); now == pid || h.property("ActiveState") != "active" {
		h.t.Errorf("want the later build to run, process %s became %s\n%s", pid, now, words)
	}
	if h.content(configFile) != edited {
		h.t.Errorf("want the edited %s kept, got:\n%s", configFile, h.content(configFile))
	}
	h.want("the later build's own claimd.toml", h.content(configFile+".dpkg-dist"), "later build")
	version := strings.TrimSpace(h.run("dpkg-query", "--show", "--showformat=${Version}", "claimd"))
	h.want("the installed version", version, "+later")
	h.want("the owners", h.run("stat", "-c", "%U:%G %a", configFile), "root:claimd 640")
}

// later makes a package of a later version, with another claimd.toml, of the one that was built.
func (h *host) later() string {
	h.t.Helper()
	folder := h.t.TempDir()
	tree, later := filepath.Join(folder, "tree"), filepath.Join(folder, "later.deb")
	h.here("dpkg-deb", "--raw-extract", built(h.t, "claimd"), tree)
	h.here("sed", "-i", "s/^Version: .*/&+later/", filepath.Join(tree, "DEBIAN/control"))
	h.here("sed", "-i", "1i # The manual of a later build.", filepath.Join(tree, configFile))
	h.here("dpkg-deb", "-Znone", "--root-owner-group", "--build", tree, later)
	return later
}

// here runs a program on this machine.
func (h *host) here(name string, arguments ...string) {
	h.t.Helper()
	if out, err := exec.CommandContext(h.t.Context(), name, arguments...).CombinedOutput(); err != nil {
		h.t.Fatalf("%s %s: %v\n%s", name, strings.Join(arguments, " "), err, out)
	}
}

// killed takes the process away. What it was answering is cut off, but whoever connects meanwhile only waits, as systemd
// keeps the sockets.
func (h *host) killed(token string) {
	pid := h.property("MainPID")
	stop := h.load(server, token)
	time.Sleep(time.Second)
	begun := time.Now()
	h.run("kill", "-KILL", pid)
	h.waitFor("systemd to see it", 30*time.Second, func() bool { return h.property("NRestarts") == "1" })
	h.waitFor("another process", 30*time.Second, func() bool {
		return h.property("ActiveState") == "active" && h.property("MainPID") != pid
	})
	back := time.Since(begun)
	time.Sleep(time.Second)
	t := stop()
	figure("kill -9", "back after %s; %d requests, %d refused connections, %d cut off, %d asked again; slowest %s",
		milliseconds(back), t.Sent, t.Refused, t.Cut, t.Retried, milliseconds(t.Slowest))
	h.t.Log(t)
	if t.Refused > 0 || len(t.Statuses) != 1 || t.Statuses[200]+t.Cut != t.Sent {
		h.t.Errorf("want all answered with 200 but what the process was answering, got %s", t)
	}
	if t.Cut > 50 {
		h.t.Errorf("want no more cut off than were under way, got %s", t)
	}
}

// moved changes [server] listen under load: what stays is not touched, and what goes is drained.
func (h *host) moved(token string) {
	pid := h.property("MainPID")
	stop := h.load(server, token)
	for _, listen := range []string{`"127.0.0.1:4180", "127.0.0.1:4181"`, `"127.0.0.1:4180"`, `"[::1]:4181", "127.0.0.1:4180"`} {
		h.write("/etc/claimd/conf.d/30-unix.toml", "[server]\nlisten = ["+listen+"]\n")
		h.run("systemctl", "reload", "claimd")
		time.Sleep(300 * time.Millisecond)
	}
	h.lost("three reloads that change listen", stop())
	if a := h.getFrom("http://[::1]:4181", "/readyz", ""); a.StatusCode != 200 {
		h.t.Errorf("want the new address to answer, got %+v", a)
	}
	if now := h.property("MainPID"); now != pid {
		h.t.Errorf("want no restart, process %s became %s", pid, now)
	}
}

// drained stops the daemon while a request waits for the API.
func (h *host) drained(token string) {
	h.upstream()
	h.write("/etc/claimd/conf.d/40-proxy.toml", "[proxy]\nlisten = [\"127.0.0.1:8080\"]\nupstream = \"http://"+upstreamAddress+"\"\n")
	h.run("systemctl", "reload", "claimd")
	slow := make(chan answer, 1)
	go func() { slow <- h.getFrom("http://127.0.0.1:8080", "/slow", token) }()
	time.Sleep(slowAnswer / 4)
	begun := time.Now()
	h.run("systemctl", "stop", "claimd")
	took := time.Since(begun)
	a := <-slow
	if a.StatusCode != 200 || !strings.HasPrefix(a.Body, reader().ObjectID+" in Analysts") {
		h.t.Errorf("want the slow request answered, got %+v", a)
	}
	if result := h.property("Result"); result != "success" {
		h.t.Errorf("want a stop that succeeds, got %s", result)
	}
	if o := h.try("curl", "-s", "http://"+server+"/livez"); o.code != 7 {
		h.t.Errorf("want connections refused once it is stopped, got %s", o)
	}
	figure("stop with a request of "+slowAnswer.String()+" under way", "answered; the stop took %s", milliseconds(took))
	h.run("systemctl", "start", "claimd")
	if _, err := os.Stat(h.path("/run/claimd/admin.sock")); err != nil {
		h.t.Error(err)
	}
}
