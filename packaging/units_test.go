package packaging_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTheServiceIsHardened: systemd's own measure of what the service could reach, which is 10 times 1.1 at most.
func TestTheServiceIsHardened(t *testing.T) {
	command := exec.Command(tool(t, "systemd-analyze"), "security", "--offline=true", "--threshold=11", "--no-pager", "systemd/claimd.service")
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestUnitsAreWellFormed: systemd-analyze exits 0 for a key that it does not know, so any output is a fault. The
// programs stand elsewhere here, so that it does not matter what is installed.
func TestUnitsAreWellFormed(t *testing.T) {
	analyze, directory := tool(t, "systemd-analyze"), t.TempDir()
	files := []string{"claimd.service", "claimd.socket", "claimd-proxy.socket"}
	arguments := []string{"verify", "--man=no"}
	for _, program := range []string{"claimd", "claimctl"} {
		if err := os.WriteFile(filepath.Join(directory, program), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range files {
		unit := strings.ReplaceAll(text(t, "systemd/"+file), "/usr/bin/", directory+"/")
		place := filepath.Join(directory, file)
		if err := os.WriteFile(place, []byte(unit), 0o644); err != nil {
			t.Fatal(err)
		}
		arguments = append(arguments, place)
	}
	if out, err := exec.Command(analyze, arguments...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestUnitsNameManualsThatAreThere: systemctl help claimd shows them.
func TestUnitsNameManualsThatAreThere(t *testing.T) {
	units, err := filepath.Glob("systemd/*")
	if err != nil || len(units) != 3 {
		t.Fatalf("got %q, %v", units, err)
	}
	for _, unit := range units {
		named := regexp.MustCompile(`man:([a-z.-]+)\(([1-8])\)`).FindAllStringSubmatch(text(t, unit), -1)
		if len(named) == 0 {
			t.Errorf("%s names no manual", unit)
		}
		for _, manual := range named {
			if _, err := os.Stat("man/" + manual[1] + "." + manual[2]); err != nil {
				t.Errorf("%s: %v", unit, err)
			}
		}
	}
}
