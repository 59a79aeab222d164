package packaging_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestScriptsAreSound has shellcheck judge what runs as root on other people's hosts, and what builds it.
func TestScriptsAreSound(t *testing.T) {
	shellcheck := tool(t, "shellcheck")
	var scripts []string
	for _, pattern := range []string{"deb/p*", "rpm/*", "*.sh"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) < 3 {
			t.Fatalf("got %q, %v", found, err)
		}
		scripts = append(scripts, found...)
	}
	if out, err := exec.Command(shellcheck, scripts...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestAnRPMMakesTheSameUsersAsADeb: an rpm needs them before its files are there, so its script repeats the file.
func TestAnRPMMakesTheSameUsersAsADeb(t *testing.T) {
	_, repeated, _ := strings.Cut(text(t, "rpm/pre"), "<<'END' || exit 1\n")
	repeated, _, ok := strings.Cut(repeated, "END\n")
	lines := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(text(t, "sysusers/claimd.conf"), "")
	if !ok || repeated != lines {
		t.Errorf("rpm/pre has\n%s\nwant\n%s", repeated, lines)
	}
}

// TestVersionsOfPackages: later commits have later versions, and a pre-release comes before its release.
func TestVersionsOfPackages(t *testing.T) {
	tests := map[string]struct{ described, want string }{
		"release":                           {"v1.2.3", "1.2.3"},
		"release, edited":                   {"v1.2.3-dirty", "1.2.3+dirty"},
		"after a release":                   {"v1.2.3-4-g369bcda", "1.2.3+4.g369bcda"},
		"pre-release":                       {"v1.3.0-rc.1", "1.3.0~rc.1"},
		"after a pre-release":               {"v1.3.0-rc.1-12-g369bcda", "1.3.0~rc.1+12.g369bcda"},
		"no release yet":                    {"369bcda", "0.0.0~20261122020354.369bcda"},
		"no release yet, edited":            {"369bcda-dirty", "0.0.0~20261122020354.369bcda+dirty"},
		"a commit that looks like a number": {"1234567", "0.0.0~20261122020354.1234567"},
		"no repository":                     {"unknown", "0.0.0~20261122020354"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out, err := exec.Command("./version.sh", test.described, "1795313034").CombinedOutput()
			if got := string(bytes.TrimSpace(out)); err != nil || got != test.want {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
}
