package systemtest

import (
	"slices"
	"strings"
)

func (h *host) removal() {
	h.run("systemctl", "stop", "tenant")
	h.run("dpkg", "--purge", "claimd-fakeentra")
	h.run("dpkg", "--remove", "claimd")
	if o := h.try("systemctl", "is-active", "claimd"); o.code == 0 {
		h.t.Errorf("want it stopped, got %s", o)
	}
	if o := h.try("pgrep", "-x", "claimd"); o.code == 0 {
		h.t.Errorf("want no process, got %s", o)
	}
	h.want("the configuration", h.content(configFile), directory().TenantID)
	h.run("test", "-d", "/var/lib/claimd")
}

func (h *host) purge(before map[string]string) {
	h.run("dpkg", "--purge", "claimd")
	var left []string
	after := h.files()
	for path, what := range after {
		if was, ok := before[path]; !ok || was != what {
			left = append(left, path)
		}
	}
	for path := range before {
		if _, ok := after[path]; !ok {
			left = append(left, "gone: "+path)
		}
	}
	slices.Sort(left)
	h.t.Logf("what the package has changed on the host:\n%s", strings.Join(left, "\n"))
	wanted := []string{"/etc/group", "/etc/group-", "/etc/gshadow", "/etc/gshadow-", "/etc/passwd", "/etc/passwd-", "/etc/shadow", "/etc/shadow-"}
	left = slices.DeleteFunc(left, func(path string) bool { return slices.Contains(wanted, path) || strings.HasSuffix(path, ".pwd.lock") })
	if len(left) > 0 {
		h.t.Errorf("want nothing left but the accounts, got:\n%s", strings.Join(left, "\n"))
	}
	h.run("id", "claimd")
	figure("left after the purge", "the user claimd, the groups claimd and claimd-gateway")
}

// files gives all files of the host that outlive a boot, with type, mode, owner and size, but for what records rather
// than serves: dpkg's own, logs and caches.
func (h *host) files() map[string]string {
	h.t.Helper()
	found := map[string]string{}
	list := h.sh(`find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /root -o -path /var/log \
		-o -path /var/lib/dpkg -o -path /var/cache -o -path /var/lib/systemd/random-seed -o -path /var/tmp \) -prune \
		-o -type d -printf '%p\t%y %m %U:%G %l\n' -o -printf '%p\t%y %m %U:%G %s %l\n'`)
	for line := range strings.Lines(list) {
		path, what, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		found[path] = what
	}
	return found
}
