package systemtest

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// roleVariable makes this program something that a test needs as a process of its own, in a host's network.
const roleVariable = "CLAIMD_SYSTEM_ROLE"

// packagesVariable names the folder of the packages to test. Without it nothing is tested.
const packagesVariable = "CLAIMD_SYSTEM"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "load":
		os.Exit(loadMain(os.Stdin, os.Stdout))
	case "upstream":
		os.Exit(upstreamMain(os.Stdin, os.Stdout))
	}
	if os.Getenv(packagesVariable) == "" {
		fmt.Println("systemtest: nothing is run here; make test-system boots a Debian with a systemd of its own, as root")
		os.Exit(0)
	}
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "systemtest: want root, to boot hosts in namespaces\n  hint: sudo make test-system")
		os.Exit(1)
	}
	// The hosts end with their test; here is for the tests that do not come to their end.
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-interrupted
		endAll()
		os.Exit(130)
	}()
	removeLeftGroups()
	code := m.Run()
	endAll()
	printFigures()
	os.Exit(code)
}

// removeLeftGroups removes the cgroups of an earlier run that was killed together with all that it had started.
func removeLeftGroups() {
	groups, _ := filepath.Glob(filepath.Join(cgroups(), groupPrefix+"*")) // the pattern is well-formed
	for _, group := range groups {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(group), groupPrefix), "-")
		if _, err := os.Stat(filepath.Join("/proc", pid)); err != nil {
			removeGroup(group)
		}
	}
}

// removeGroup removes an empty cgroup with those below it; one in use stays.
func removeGroup(group string) {
	entries, _ := os.ReadDir(group) // one that is gone has none
	for _, entry := range entries {
		if entry.IsDir() {
			removeGroup(filepath.Join(group, entry.Name()))
		}
	}
	_ = syscall.Rmdir(group)
}

// figures are what was measured, in the order of the tests.
type figures struct {
	mu    sync.Mutex
	lines [][2]string
}

// measured is written by the tests and printed by TestMain.
var measured figures

func figure(what, format string, values ...any) {
	measured.mu.Lock()
	defer measured.mu.Unlock()
	measured.lines = append(measured.lines, [2]string{what, fmt.Sprintf(format, values...)})
}

func printFigures() {
	measured.mu.Lock()
	defer measured.mu.Unlock()
	width := 0
	for _, line := range measured.lines {
		width = max(width, len(line[0]))
	}
	for _, line := range measured.lines {
		fmt.Printf("%s%s  %s\n", line[0], strings.Repeat(" ", width-len(line[0])), line[1])
	}
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}
