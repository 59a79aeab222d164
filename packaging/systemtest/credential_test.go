package systemtest

import (
	"strings"
	"testing"
	"time"
)

// tenantTLS is the tenant with a certificate of a root that Debian does not know, as behind a proxy that opens TLS. Its
// documents tell of https, as they have to; the tokens that it mints do not, so none of them is let in.
const tenantTLS = `user www-data;
events { }
http {
	server {
		listen 127.0.0.1:9443 ssl;
		ssl_certificate /etc/nginx/tenant.pem;
		ssl_certificate_key /etc/nginx/tenant.key;
		location / {
			proxy_pass ` + authority + `;
			proxy_set_header Accept-Encoding "";
			sub_filter_types application/json;
			sub_filter_once off;
			sub_filter '` + authority + `' 'https://localhost:9443';
		}
	}
}
`

// certificates makes a root and a certificate of it for localhost.
const certificates = `cd /etc/nginx
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj "/CN=A private root" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tenant.key -out tenant.csr -subj /CN=localhost 2>/dev/null
printf 'subjectAltName=DNS:localhost\n' >ext
openssl x509 -req -in tenant.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out tenant.pem 2>/dev/null
install -d -m 0700 /etc/secrets
install -m 0600 ca.pem /etc/secrets/ca.pem
`

// TestCredentials gives the daemon a file that its user may not read, by LoadCredential=.
func TestCredentials(t *testing.T) {
	h := boot(t)
	token := h.serving()
	h.sh(certificates)
	h.write("/etc/nginx/nginx.conf", tenantTLS)
	h.run("systemctl", "unmask", "--quiet", "nginx")
	h.run("systemctl", "start", "nginx")
	h.step("a credential that is not there is a fault", func(h *host) { h.missingCredential(token) })
	h.step("a credential is read", (*host).credential)
}

func (h *host) missingCredential(token string) {
	since := h.now()
	h.write("/etc/claimd/conf.d/60-ca.toml", "[outbound]\nca_file = \"credential:ca\"\n")
	if o := h.try("systemctl", "reload", "claimd"); o.code == 0 {
		h.t.Errorf("want the reload refused, got %s", o)
	}
	h.want("the journal", h.journal(since), "/etc/claimd/conf.d/60-ca.toml:2: outbound.ca_file: ", "LoadCredential=")
	if a := h.get("/auth", token); a.StatusCode != 200 {
		h.t.Errorf("want the old configuration to serve, got %+v", a)
	}
}

func (h *host) credential() {
	h.write("/etc/systemd/system/claimd.service.d/ca.conf", "[Service]\nLoadCredential=ca:/etc/secrets/ca.pem\n")
	h.edit(configFile, `s|^authority = .*|authority = "https://localhost:9443"|`)
	h.run("systemctl", "daemon-reload")
	h.run("systemctl", "restart", "claimd")
	h.waitUntilReady()
	h.run("claimctl", "keys", "refresh")
	h.run("runuser", "-u", "claimd", "--", "test", "!", "-r", "/etc/secrets/ca.pem")
	h.waitFor("systemctl status to say so", 30*time.Second, func() bool {
		return strings.Contains(h.run("systemctl", "status", "claimd"), "Ready: ")
	})
	h.run("systemctl", "reload", "claimd")
	h.run("claimctl", "check")

	// Without that root there are no keys.
	h.run("rm", "/etc/claimd/conf.d/60-ca.toml")
	h.run("systemctl", "reload", "claimd")
	o := h.try("claimctl", "keys", "refresh")
	if o.code != 1 || !strings.Contains(o.out, "certificate") {
		h.t.Errorf("want the tenant's certificate not trusted without the credential, got %s", o)
	}
}
