package gatewaytest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/claimd/claimd/etc/gateways"
)

// TestApacheBesideItsDefaultSiteTakesLongTokens: Debian's 000-default.conf is the first virtual host of the port, and
// LimitRequestFieldSize is the first one's for all (httpd.apache.org, core: "the value is taken from the default virtual
// host best matching the current IP address and port"). The file was to be installed behind it, as claimd.conf, and 200
// groups were answered 400.
func TestApacheBesideItsDefaultSiteTakesLongTokens(t *testing.T) {
	t.Parallel()
	tenant := startTenant(t)
	gateway, _ := gateways.Find("apache")
	program := programs()["apache"]
	program.path(t)
	api := startAPI(t)
	s := &stage{t: t, promise: promise{name: "apache", bodies: true}, tokens: mintAll(t, tenant), api: api, claimd: newClaimd(t, tenant, gateway, api.address)}
	s.claimd.start()
	around := program.around
	program.around = func(dir, address string) string {
		file := filepath.Join(dir, "apache.conf")
		shipped, err := os.ReadFile(file)
		must(t, err)
		names := regexp.MustCompile(`/etc/apache2/sites-available/(\S+\.conf)`).FindSubmatch(shipped)
		if names == nil {
			t.Fatal("apache.conf does not say where it is installed")
		}
		named := strings.Replace(string(shipped), "# Yours: ServerName and TLS.", "ServerName api.example", 1)
		sites := filepath.Join(dir, "sites-enabled")
		must(t, os.Mkdir(sites, 0o755), os.WriteFile(filepath.Join(sites, string(names[1])), []byte(named), 0o644),
			os.WriteFile(filepath.Join(sites, "000-default.conf"), []byte("<VirtualHost "+address+">\n</VirtualHost>\n"), 0o644))
		return strings.Replace(around(dir, address), "Include "+file, "IncludeOptional "+sites+"/*.conf", 1)
	}
	s.front = program.run(t, gateway, gateways.Site{Claimd: s.claimd.proxy, API: api.address})
	s.passed("ada", request("GET", "/a", "api.example", s.tokens["ada"]))
	s.passed("200 groups", request("GET", "/crowd", "api.example", s.tokens["crowded"]))
}
