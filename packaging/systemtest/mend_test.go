package systemtest

import (
	"strings"
	"testing"
	"time"
)

// TestWhatSystemdMendsAndWhatNot has the daemon hang, crash and find faults at its start.
func TestWhatSystemdMendsAndWhatNot(t *testing.T) {
	h := boot(t)
	token := h.serving()
	h.step("a daemon that hangs is replaced", func(h *host) { h.hangs(token) })
	h.step("a daemon that crashes is replaced", func(h *host) { h.crashes(token) })
	h.step("a configuration with faults is not tried again", func(h *host) { h.faultAtStart(token) })
	h.step("a socket that cannot be used is told", (*host).strangeSocket)
}

// hangs stops the process as a whole. Nothing but the watchdog sees that.
func (h *host) hangs(token string) {
	h.write("/etc/systemd/system/claimd.service.d/watchdog.conf", "[Service]\nWatchdogSec=1\n")
	h.run("systemctl", "daemon-reload")
	h.run("systemctl", "restart", "claimd")
	pid := h.property("MainPID")
	time.Sleep(3 * time.Second) // three times what the watchdog waits: the signs of life are given
	if now := h.property("MainPID"); now != pid || h.property("NRestarts") != "0" {
		h.t.Fatalf("want a healthy daemon left alone, process %s became %s", pid, now)
	}
	since, begun := h.now(), time.Now()
	h.run("kill", "-STOP", pid)
	h.waitFor("the daemon to be replaced", 30*time.Second, func() bool {
		now := h.property("MainPID")
		return now != pid && now != "0" && h.property("ActiveState") == "active"
	})
	figure("SIGSTOP, with WatchdogSec=1", "replaced after %s", milliseconds(time.Since(begun)))
	h.want("the journal", h.journal(since), "Watchdog timeout")
	if a := h.get("/auth", token); a.StatusCode != 200 {
		h.t.Errorf("want the new daemon to let the reader in, got %+v", a)
	}
	h.run("rm", "/etc/systemd/system/claimd.service.d/watchdog.conf")
	h.run("systemctl", "daemon-reload")
	h.run("systemctl", "restart", "claimd")
}

// crashes lets the Go runtime end the process as it does after a panic: with its stacks and exit code 2.
func (h *host) crashes(token string) {
	pid := h.property("MainPID")
	h.run("kill", "-ABRT", pid)
	h.waitFor("the daemon to be replaced", 30*time.Second, func() bool {
		now := h.property("MainPID")
		return now != pid && now != "0" && h.property("ActiveState") == "active"
	})
	if a := h.get("/auth", token); a.StatusCode != 200 {
		h.t.Errorf("want the new daemon to let the reader in, got %+v", a)
	}
}

func (h *host) faultAtStart(token string) {
	const file = "/etc/claimd/conf.d/50-bad.toml"
	since := h.now()
	h.write(file, "[server]\nlisten = [\"127.0.0.1\"]\n")
	h.run("systemctl", "reset-failed", "claimd")
	if o := h.try("systemctl", "restart", "claimd"); o.code == 0 {
		h.t.Errorf("want systemctl restart to fail, got %s", o)
	}
	time.Sleep(1500 * time.Millisecond) // several times what Restart= waits
	for name, want := range map[string]string{"ActiveState": "failed", "ExecMainStatus": "78", "NRestarts": "0", "Result": "exit-code"} {
		if got := h.property(name); got != want {
			h.t.Errorf("%s: want %s, got %s", name, want, got)
		}
	}
	h.want("the journal", h.journal(since), file+":2: server.listen[0]: ")
	h.want("systemctl status", h.try("systemctl", "status", "claimd").out, file+":2: server.listen[0]: ", "status=78/CONFIG")
	h.run("rm", file)
	h.run("systemctl", "start", "claimd")
	if a := h.get("/auth", token); a.StatusCode != 200 {
		h.t.Errorf("want it to serve again, with the keys that it kept, got %+v", a)
	}
}

// strangeSocket hands over a socket of a name that claimd does not know.
func (h *host) strangeSocket() {
	since := h.now()
	h.write("/etc/systemd/system/claimd.socket.d/name.conf", "[Socket]\nFileDescriptorName=\nFileDescriptorName=serveer\n")
	h.run("systemctl", "daemon-reload")
	h.run("systemctl", "stop", "claimd")
	h.run("systemctl", "reset-failed", "claimd")
	if o := h.try("systemctl", "start", "claimd.socket", "claimd"); o.code == 0 {
		h.t.Errorf("want systemctl start to fail, got %s", o)
	}
	h.want("the journal", h.journal(since), `systemd hands over a socket named "serveer", want one of server, proxy, metrics`, "FileDescriptorName=")
	h.waitFor("systemd to give up", 30*time.Second, func() bool { return h.property("ActiveState") == "failed" })
	h.run("systemctl", "stop", "claimd.socket")
	h.run("rm", "/etc/systemd/system/claimd.socket.d/name.conf")
	h.run("systemctl", "daemon-reload")
	h.run("systemctl", "reset-failed", "claimd", "claimd.socket")
	h.run("systemctl", "start", "claimd")
	h.want("systemctl status", h.run("systemctl", "status", "claimd"), "Ready: ", "server on "+server)
	if strings.Contains(h.run("systemctl", "--failed", "--plain", "--no-legend"), "claimd") {
		h.t.Error("want no unit failed any more")
	}
}
