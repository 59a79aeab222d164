package metrics

import (
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const alerts = "../../etc/examples/prometheus-alerts.yaml"

// An alert on a metric that was renamed never fires.
func TestTheAlertsNameMetricsThatAreShown(t *testing.T) {
	text, err := os.ReadFile(alerts)
	if err != nil {
		t.Fatal(err)
	}
	_, shown := scrape(t, http.MethodGet, "/metrics", exampleStatus())
	named := slices.Compact(slices.Sorted(slices.Values(regexp.MustCompile(`claimd_\w+`).FindAllString(string(text), -1))))
	if len(named) < 5 {
		t.Errorf("the alerts name %q alone", named)
	}
	for _, name := range named {
		if !strings.Contains(shown, "\n"+name+"{") && !strings.Contains(shown, "\n"+name+" ") {
			t.Errorf("%s is not shown", name)
		}
	}
}

func TestPrometheusTakesTheAlerts(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("promtool is missing\nhint: apt-get install prometheus")
		}
		t.Skip("promtool is missing; apt-get install prometheus has it")
	}
	if out, err := exec.CommandContext(t.Context(), promtool, "check", "rules", alerts).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
