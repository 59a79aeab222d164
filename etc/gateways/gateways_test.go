package gateways

import (
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func filled(t *testing.T, file string, site Site) string {
	t.Helper()
	text, err := Fill(file, site)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func files() []string {
	var all []string
	for _, gateway := range All() {
		all = append(all, gateway.Files...)
	}
	return all
}

func TestAFileFilledInWithWhatItIsShippedWithStaysAsItIs(t *testing.T) {
	for _, file := range files() {
		shipped, err := Text(file)
		if err != nil {
			t.Fatal(err)
		}
		address := shippedClaimd
		if file == "apache.conf" {
			address = shippedProxy
		}
		before, sample, after := fronts(file)
		if got := filled(t, file, Site{Claimd: address, API: ShippedAPI, Front: sample, Lua: shippedLua, Headers: Shipped()}); got != shipped {
			t.Errorf("%s: %q", file, changed(shipped, got))
		}
		if strings.Count(shipped, before+sample+after) != 1 && sample != "" {
			t.Errorf("%s: its own address %q stands there %d times", file, sample, strings.Count(shipped, before+sample+after))
		}
	}
}

// changed gives the lines of the second text that the first one does not have, without what stands around them.
func changed(first, second string) []string {
	var lines []string
	known := map[string]bool{}
	for line := range strings.Lines(first) {
		known[line] = true
	}
	for line := range strings.Lines(second) {
		if !known[line] {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func TestAddressesAndHeadersAreFilledInWhereTheShippedOnesStand(t *testing.T) {
	site := Site{
		Claimd: "unix:/run/gate/s.sock", API: "[::1]:9000", Front: "FRONT", Lua: "/opt/claimd.lua",
		Headers: []Header{{"user", "X-Auth-User"}, {"groups", "X_Groups"}, {"client", "X-Client"}},
	}
	for file, want := range map[string][]string{
		"nginx.conf": {
			"server unix:/run/gate/s.sock;", "server [::1]:9000; # your API", "listen FRONT; # yours, with server_name and TLS",
			"auth_request_set $claimd_user $upstream_http_x_auth_user;", "auth_request_set $claimd_groups $upstream_http_x_groups;",
			"auth_request_set $claimd_client $upstream_http_x_client;",
			"proxy_set_header X-Auth-User $claimd_user;", "proxy_set_header X_Groups $claimd_groups;", "proxy_set_header X-Client $claimd_client;",
		},
		"apache.conf": {
			`#     upstream = "http://[::1]:9000"    your API`, "<VirtualHost FRONT>",
			`ProxyPass "/" "unix:/run/gate/s.sock|http://claimd/" nocanon upgrade=websocket connectiontimeout=2 timeout=60 ttl=30`,
		},
		"Caddyfile": {
			"FRONT {", "request_header -X-Auth-User", "request_header -X_Groups", "request_header -X-Client",
			"forward_auth unix//run/gate/s.sock {", "copy_headers X-Auth-User X_Groups X-Client", "reverse_proxy [::1]:9000 {",
		},
		"haproxy.cfg": {"group claimd-gateway # of claimd's socket: HAProxy leaves all other groups", "lua-load /opt/claimd.lua", "bind FRONT # yours, with TLS", "server api [::1]:9000 # your API"},
		"claimd.lua": {
			`local claimd = {url = "http://claimd/auth", dst = "unix@/run/gate/s.sock"}`,
			`local identity = {"x-auth-user", "x_groups", "x-client"}`,
		},
		"envoy.yaml": {
			"address: {socket_address: {FRONT}} # yours, with TLS", "- remove: x-auth-user", "- remove: x_groups", "- remove: x-client",
			`- safe_regex: {regex: "x[-_.]auth[-_.]user"}`, `- safe_regex: {regex: "x[-_.]groups"}`, `- safe_regex: {regex: "x[-_.]client"}`,
			"- exact: x-auth-user", "- exact: x_groups", "- exact: x-client",
			"- endpoint: {address: {pipe: {path: /run/gate/s.sock}}}",
			`- endpoint: {address: {socket_address: {address: "::1", port_value: 9000}}} # your API`,
		},
	} {
		shipped, err := Text(file)
		if err != nil {
			t.Fatal(err)
		}
		got := filled(t, file, site)
		if lines := changed(shipped, got); !slices.Equal(lines, want) {
			t.Errorf("%s: want\n%s\ngot\n%s", file, strings.Join(want, "\n"), strings.Join(lines, "\n"))
		}
		for _, gone := range []string{shippedClaimd, shippedProxy, "# or: ", "-- or: ", "Remote-", "remote_", "remote-", "remote["} {
			if strings.Contains(withoutProse(got), gone) {
				t.Errorf("%s: %q still stands there", file, gone)
			}
		}
	}
	site.Claimd = "10.1.2.3:4180"
	got := filled(t, "traefik.yaml", site)
	for _, line := range []string{"address: http://10.1.2.3:4180/auth\n", "authResponseHeaders: [X-Auth-User, X_Groups, X-Client]\n", "rule: (FRONT) && !Method(`CONNECT`) ", "- url: http://[::1]:9000 # your API\n"} {
		if !strings.Contains(got, line) {
			t.Errorf("traefik.yaml has no %q", line)
		}
	}
	site.Claimd = "gate.example:4180"
	for file, line := range map[string]string{
		"nginx.conf": "server gate.example:4180;", "Caddyfile": "forward_auth gate.example:4180 {",
		"claimd.lua": `local claimd = {url = "http://gate.example:4180/auth"}`,
		"envoy.yaml": "- endpoint: {address: {socket_address: {address: gate.example, port_value: 4180}}}",
	} {
		if got := filled(t, file, site); !strings.Contains(got, line) || strings.Contains(got, "unix:/run/gate") {
			t.Errorf("%s has no %q", file, line)
		}
	}
}

// withoutProse leaves out comments.
func withoutProse(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if body := strings.TrimSpace(line); !strings.HasPrefix(body, "# ") && !strings.HasPrefix(body, "-- ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestPreflightsBringTheLinesIntoForceThatAreCommentedOut(t *testing.T) {
	for _, file := range []string{"nginx.conf", "apache.conf", "Caddyfile", "traefik.yaml", "haproxy.cfg", "envoy.yaml"} {
		got := filled(t, file, Site{Preflights: true})
		shipped, err := Text(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := changed(shipped, got)
		if !strings.Contains(strings.Join(lines, "\n"), "https://app.example.com") {
			t.Errorf("%s: %q came into force", file, lines)
		}
		for _, line := range lines {
			if strings.HasPrefix(line, "#") {
				t.Errorf("%s: %q is out of force still", file, line)
			}
		}
	}
}

func TestWhatNoFileCanHoldIsRefused(t *testing.T) {
	for _, test := range []struct {
		file string
		site Site
		want string
	}{
		{"nginx.conf", Site{Claimd: "unix:/run/a;b"}, `want a path of letters, digits, / . _ and -, got "/run/a;b"`},
		{"nginx.conf", Site{Claimd: "unix:run/a"}, `want a path of letters, digits, / . _ and -, got "run/a"`},
		{"nginx.conf", Site{Claimd: "127.0.0.1"}, `want host:port, got "127.0.0.1"`},
		{"nginx.conf", Site{Claimd: "a b:80"}, `want host:port, got "a b:80"`},
		{"nginx.conf", Site{Claimd: "a:80;"}, `want host:port, got "a:80;"`},
		{"nginx.conf", Site{API: "a:"}, `the API: want host:port, got "a:"`},
		{"traefik.yaml", Site{Claimd: "unix:/run/a"}, `it cannot ask over a unix socket`},
		{"nginx.conf", Site{Headers: []Header{{"user", "X-$user"}}}, `want a header's name of letters, digits, - and _, got "X-$user"`},
		{"nginx.conf", Site{Headers: []Header{}}, `want an identity header, got none: [server.headers] leaves all out`},
	} {
		_, err := Fill(test.file, test.site)
		if err == nil || err.Error() != test.want {
			t.Errorf("%s, %+v: want %q, got %v", test.file, test.site, test.want, err)
		}
	}
}

func TestGatewaysAreFoundByTheirNames(t *testing.T) {
	for name, want := range map[string]string{"nginx": "nginx", "angie": "nginx", "haproxy": "haproxy", "squid": "", "": ""} {
		if got, ok := Find(name); got.Name != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v", name, got.Name, ok)
		}
	}
}

// The file is all of /etc/haproxy/haproxy.cfg, and its global section named no user. Debian's unit starts HAProxy as root and
// leaves it to the file to become another: its workers served the network as root.
func TestHAProxyServesAsAUserOfItsOwn(t *testing.T) {
	for claimd, group := range map[string]string{"127.0.0.1:4180": "haproxy", "unix:" + ShippedSocket: "claimd-gateway"} {
		global, _, _ := strings.Cut(filled(t, "haproxy.cfg", Site{Claimd: claimd}), "\ndefaults\n")
		for _, line := range []string{"    user haproxy ", "    group " + group} {
			if strings.Count(global, "\n"+line) != 1 || strings.Count(global, "\n    group ") != 1 {
				t.Errorf("claimd at %s: want the line %q in\n%s", claimd, line, global)
			}
		}
	}
}

// Sockets that the files name stand in a folder of systemd's, which the group claimd-gateway reaches. Apache's once named one
// in /run/claimd, which claimd.service keeps to its own user and group: www-data did not get there, and what is in that
// group may read claimd's secrets.
func TestSocketsStandWhereTheGroupOfGatewaysReaches(t *testing.T) {
	unit, err := os.ReadFile("../../packaging/systemd/claimd.socket")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(unit), "\nListenStream="+ShippedSocket+"\n") {
		t.Errorf("claimd.socket does not listen at %s", ShippedSocket)
	}
	folder := path.Dir(ShippedSocket) + "/"
	for _, file := range files() {
		shipped, err := Text(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`/run/\S+\.sock`).FindAllString(shipped, -1) {
			if !strings.HasPrefix(found, folder) {
				t.Errorf("%s names %s", file, found)
			}
		}
	}
	manual, err := os.ReadFile("../../packaging/man/claimd.8")
	if err != nil {
		t.Fatal(err)
	}
	apache := filled(t, "apache.conf", Site{})
	for _, line := range []string{"ListenStream=", "ListenStream=" + shippedStream, "SocketGroup=claimd-gateway", "SocketMode=0660"} {
		if !strings.Contains(apache, "#     "+line+"\n") || !strings.Contains(string(manual), "\n"+line+"\n") {
			t.Errorf("want %s in apache.conf and in claimd(8), as a drop-in of claimd-proxy.socket", line)
		}
	}
}
