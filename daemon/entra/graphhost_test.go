package entra

import "testing"

func TestGraphHostsTellTheCloudsApart(t *testing.T) {
	hosts := map[string]string{
		"global": "graph.microsoft.com", "usgov": "graph.microsoft.us", "usgov-dod": "dod-graph.microsoft.us", "china": "Microsoftgraph.ChinaCloudAPI.cn",
	}
	for _, name := range CloudNames() {
		cloud, _ := CloudByName(name)
		for other, host := range hosts {
			if got := cloud.IsGraphHost(host); got != (other == name) {
				t.Errorf("%s: IsGraphHost(%q) = %v", name, host, got)
			}
		}
		if cloud.IsGraphHost("") {
			t.Errorf("%s: no host is its host", name)
		}
	}
}
