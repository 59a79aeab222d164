package systemtest

import (
	"net/http"
	"strings"
	"testing"
)

// gatewaySocket is where claimd.socket listens.
const gatewaySocket = "/run/claimd-gateway/server.sock"

// site is nginx before an API, which asks claimd over its unix socket, as the user www-data.
const site = `user www-data;
events { }
http {
	large_client_header_buffers 4 40k;
	server {
		listen 127.0.0.1:80;
		location / {
			auth_request /_claimd;
			auth_request_set $claimd_user $upstream_http_remote_user;
			auth_request_set $claimd_groups $upstream_http_remote_groups;
			proxy_set_header Remote-User $claimd_user;
			proxy_set_header Remote-Groups $claimd_groups;
			proxy_pass http://` + upstreamAddress + `;
		}
		location = /_claimd {
			internal;
			proxy_pass http://unix:` + gatewaySocket + `:/auth;
			proxy_pass_request_body off;
			proxy_set_header Content-Length "";
		}
	}
}
`

// TestSocketsOfSystemd enables the shipped socket units.
func TestSocketsOfSystemd(t *testing.T) {
	h := boot(t)
	token := h.serving()
	h.upstream()
	h.step("nginx's user reaches the gateway socket", func(h *host) { h.gatewaySocket(token) })
	h.step("nginx asks over it", func(h *host) { h.nginx(token) })
	h.step("restarts behind it", func(h *host) { h.restarts("unix:"+h.path(gatewaySocket), token, 10, "claimd.socket") })
	h.step("the reverse proxy has port 443", func(h *host) { h.port443(token) })
	h.step("the reverse proxy has a unix socket", func(h *host) { h.proxySocket(token) })
	h.step("a unix socket for a group of the host's", func(h *host) { h.socketGroup(token) })
}

func (h *host) gatewaySocket(token string) {
	h.run("usermod", "--append", "--groups", "claimd-gateway", "www-data")
	h.run("systemctl", "enable", "--quiet", "claimd.socket")
	h.run("systemctl", "stop", "claimd") // systemd binds no socket for a service that runs
	h.run("systemctl", "start", "claimd.socket", "claimd")
	if got := strings.TrimSpace(h.run("stat", "-c", "%U:%G %a", gatewaySocket)); got != "root:claimd-gateway 660" {
		h.t.Errorf("want the socket of root:claimd-gateway with 660, got %s", got)
	}
	h.want("systemctl status", h.run("systemctl", "status", "claimd"), "server on unix:"+gatewaySocket)
	if a := h.get("/livez", ""); a.StatusCode != 0 {
		h.t.Errorf("want [server] listen not read while the socket unit is in use, got %+v", a)
	}
	as := func(user string) outcome {
		return h.try("runuser", "-u", user, "--", "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
			"--unix-socket", gatewaySocket, "-H", "Authorization: Bearer "+token, "http://claimd/auth")
	}
	if o := as("www-data"); o.out != "200" {
		h.t.Errorf("want www-data to reach it, got %s", o)
	}
	if o := as("nobody"); o.code != 7 {
		h.t.Errorf("want nobody else to reach it, got %s", o)
	}
	// Enabled at boot, the socket starts claimd with the first connection where it does not run.
	h.run("systemctl", "stop", "claimd")
	if o := as("www-data"); o.out != "200" {
		h.t.Errorf("want the connection to start claimd, got %s", o)
	}
}

func (h *host) nginx(token string) {
	h.write("/etc/nginx/nginx.conf", site)
	h.run("systemctl", "unmask", "--quiet", "nginx")
	h.run("systemctl", "start", "nginx")
	a := h.getFrom("http://127.0.0.1", "/", token, "-H", "Host: api.example.com")
	if a.StatusCode != http.StatusOK || a.Body != reader().ObjectID+" in Analysts\n" {
		h.t.Errorf("want the reader let in, got %+v", a)
	}
	if a := h.getFrom("http://127.0.0.1", "/", h.token(stranger().Name)); a.StatusCode != http.StatusForbidden {
		h.t.Errorf("want the stranger denied, got %+v", a)
	}
	if a := h.getFrom("http://127.0.0.1", "/", ""); a.StatusCode != http.StatusUnauthorized {
		h.t.Errorf("want a token asked for, got %+v", a)
	}
}

func (h *host) port443(token string) {
	since := h.now()
	h.run("systemctl", "enable", "--quiet", "claimd-proxy.socket")
	h.run("systemctl", "reset-failed", "claimd")
	h.run("systemctl", "stop", "claimd")
	if o := h.try("systemctl", "start", "claimd-proxy.socket", "claimd"); o.code == 0 {
		h.t.Errorf("want no plaintext off this host unless that is allowed, got %s", o)
	}
	h.want("the journal", h.journal(since), "proxy", "hint: ")
	h.write("/etc/claimd/conf.d/40-proxy.toml",
		"[server]\nplaintext = \"anywhere\"\n[proxy]\nupstream = \"http://"+upstreamAddress+"\"\n")
	h.run("systemctl", "stop", "claimd") // systemd tries again by itself meanwhile
	h.run("systemctl", "reset-failed", "claimd")
	h.run("systemctl", "start", "claimd")
	a := h.getFrom("http://127.0.0.1:443", "/", token)
	if a.StatusCode != http.StatusOK || a.Body != reader().ObjectID+" in Analysts\n" {
		h.t.Errorf("want the reader let in, got %+v", a)
	}
	h.want("systemctl status", h.run("systemctl", "status", "claimd"), "proxy on [::]:443")
	if capabilities := h.processStatus()["CapEff"]; capabilities != "0000000000000000" {
		h.t.Errorf("want no capability for it, got %s", capabilities)
	}
	// A changed [proxy] is taken up as always, on the socket that stays.
	h.write("/etc/claimd/conf.d/41-who.toml", "[server.headers]\nuser = \"X-Who\"\n")
	h.run("systemctl", "reload", "claimd")
	if a := h.getFrom("http://127.0.0.1:443", "/", token); a.StatusCode != http.StatusOK || a.Body != " in Analysts\n" {
		h.t.Errorf("want the new header's name in use, got %+v", a)
	}
	h.run("rm", "/etc/claimd/conf.d/41-who.toml", "/etc/claimd/conf.d/40-proxy.toml")
	h.run("systemctl", "disable", "--quiet", "--now", "claimd-proxy.socket", "claimd.socket")
	h.run("systemctl", "restart", "claimd")
	h.want("systemctl status", h.run("systemctl", "status", "claimd"), "server on "+server)
}

// proxySocket does what the file for Apache says: the socket that it named before, in /run/claimd, nobody else reached.
func (h *host) proxySocket(token string) {
	const socket = "/run/claimd-gateway/proxy.sock"
	h.write("/etc/systemd/system/claimd-proxy.socket.d/unix.conf",
		"[Socket]\nListenStream=\nListenStream="+socket+"\nSocketGroup=claimd-gateway\nSocketMode=0660\nRemoveOnStop=yes\n")
	h.write("/etc/claimd/conf.d/40-proxy.toml", "[proxy]\nupstream = \"http://"+upstreamAddress+"\"\n")
	h.run("systemctl", "daemon-reload")
	h.run("systemctl", "stop", "claimd")
	h.run("systemctl", "start", "claimd-proxy.socket", "claimd")
	if got := strings.TrimSpace(h.run("stat", "-c", "%U:%G %a", socket)); got != "root:claimd-gateway 660" {
		h.t.Errorf("want the socket of root:claimd-gateway with 660, got %s", got)
	}
	h.want("systemctl status", h.run("systemctl", "status", "claimd"), "proxy on unix:"+socket)
	as := func(user string) outcome {
		return h.try("runuser", "-u", user, "--", "curl", "-s", "--unix-socket", socket, "-H", "Authorization: Bearer "+token, "http://api/")
	}
	if o := as("www-data"); strings.TrimSpace(o.out) != reader().ObjectID+" in Analysts" {
		h.t.Errorf("want www-data let in, got %s", o)
	}
	if o := as("nobody"); o.code != 7 {
		h.t.Errorf("want nobody else to reach it, got %s", o)
	}
	h.run("systemctl", "stop", "claimd-proxy.socket")
	h.run("rm", "/etc/systemd/system/claimd-proxy.socket.d/unix.conf", "/etc/claimd/conf.d/40-proxy.toml")
	h.run("systemctl", "daemon-reload")
	h.run("systemctl", "restart", "claimd")
}

// socketGroup does what the unit says is needed for [server] socket_group.
func (h *host) socketGroup(token string) {
	h.write("/etc/systemd/system/claimd.service.d/group.conf",
		"[Service]\nPrivateUsers=no\nSupplementaryGroups=www-data\nSystemCallFilter=@chown\nRuntimeDirectoryMode=0755\n")
	h.write("/etc/claimd/conf.d/42-unix.toml", "[server]\nlisten = [\"unix:/run/claimd/server.sock\"]\nsocket_group = \"www-data\"\n")
	h.run("systemctl", "daemon-reload")
	h.run("systemctl", "restart", "claimd")
	if got := strings.TrimSpace(h.run("stat", "-c", "%U:%G %a", "/run/claimd/server.sock")); got != "claimd:www-data 660" {
		h.t.Errorf("want the socket of claimd:www-data with 660, got %s", got)
	}
	o := h.try("runuser", "-u", "www-data", "--", "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
		"--unix-socket", "/run/claimd/server.sock", "-H", "Authorization: Bearer "+token, "http://claimd/auth")
	if o.out != "200" {
		h.t.Errorf("want www-data to reach it, got %s", o)
	}
}
