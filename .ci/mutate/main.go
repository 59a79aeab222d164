// Command mutate breaks the code of packages in one small place after another and runs their tests on each: where they
// still pass, nothing holds that place. The work tree is never written to: the go command takes each broken file by its
// -overlay.
//
//	go run ./.ci/mutate [-known FILE] [-only REGEXP] [-list] PACKAGE...
//
// It prints every survivor that FILE does not list, and exits 1 where there is one, or where FILE lists one of these
// packages that is killed or gone. A line of FILE is a survivor as it is printed, in front of " # " and the reason why
// nobody can tell it from the code as it stands.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	known := flag.String("known", "", "the file of the survivors that are explained")
	only := flag.String("only", "", "test those mutants alone whose line this regular expression matches")
	list := flag.Bool("list", false, "print all mutants and test none")
	workers := flag.Int("workers", runtime.GOMAXPROCS(0), "how many tests run at once")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	h := hunter{workers: *workers}
	if err := h.run(ctx, flag.Args(), *known, *only, *list); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

// hunter tests mutants.
type hunter struct {
	workers   int
	explained map[string]bool // what is left of it in the end was not found

	mu   sync.Mutex // guards what follows
	open int        // survivors that nobody has explained
}

func (h *hunter) run(ctx context.Context, packages []string, known, only string, list bool) (err error) {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	if h.explained, err = readKnown(known, packages, wanted); err != nil {
		return err
	}
	for _, folder := range packages {
		mutants, err := mutantsOf(filepath.Clean(folder))
		if err != nil {
			return err
		}
		mutants = slices.DeleteFunc(mutants, func(m mutant) bool { return !wanted.MatchString(m.String()) })
		if list {
			for _, m := range mutants {
				fmt.Println(m)
			}
			continue
		}
		if err := h.hunt(ctx, filepath.Clean(folder), mutants); err != nil {
			return err
		}
	}
	if list {
		return nil
	}
	for _, line := range slices.Sorted(maps.Keys(h.explained)) {
		fmt.Println("explained, but killed or gone:", line)
	}
	if h.open+len(h.explained) > 0 {
		return fmt.Errorf("want every survivor explained and every explanation needed, got %d and %d that are not\n"+
			"  hint: write a test that fails for it, or say in the file of the explained ones why no test can", h.open, len(h.explained))
	}
	return nil
}

// readKnown gives the explained survivors of the packages.
func readKnown(path string, packages []string, wanted *regexp.Regexp) (map[string]bool, error) {
	explained := map[string]bool{}
	if path == "" {
		return explained, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		survivor, reason, ok := strings.Cut(line, " # ")
		if !ok || reason == "" {
			return nil, fmt.Errorf("%s: want a reason behind ' # ', got %q", path, line)
		}
		place, _, _ := strings.Cut(survivor, ": ")
		for _, folder := range packages {
			if filepath.Dir(place) == filepath.Clean(folder) && wanted.MatchString(survivor) {
				explained[survivor] = true
			}
		}
	}
	return explained, lines.Err()
}

// hunt tests the mutants of a package and prints those that survive, as they are found.
func (h *hunter) hunt(ctx context.Context, folder string, mutants []mutant) error {
	began := time.Now()
	if fate, output := try(ctx, folder, nil); fate != survived {
		return fmt.Errorf("%s: want tests that pass on the code as it stands, got\n%s", folder, output)
	}
	limit := 30*time.Second + 10*time.Since(began)
	var count [survived + 1]atomic.Int64
	work := make(chan mutant)
	var all sync.WaitGroup
	for range h.workers {
		all.Go(func() {
			for m := range work {
				within, cancel := context.WithTimeout(ctx, limit)
				fate, _ := try(within, folder, &m)
				cancel()
				count[fate].Add(1)
				if fate == survived {
					h.report(m.String())
				}
			}
		})
	}
	for _, m := range mutants {
		if ctx.Err() == nil {
			work <- m
		}
	}
	close(work)
	all.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	fmt.Printf("%s: %d mutants in %s: %d killed, %d do not build, %d survived\n", folder, len(mutants),
		time.Since(began).Round(time.Second), count[killed].Load(), count[unbuilt].Load(), count[survived].Load())
	return nil
}

// report prints a survivor that is not explained.
func (h *hunter) report(survivor string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.explained[survivor] {
		delete(h.explained, survivor)
		return
	}
	fmt.Println(survivor)
	h.open++
}

// fate is what became of a mutant.
type fate int

const (
	killed   fate = iota // a test failed, or the time ran out
	unbuilt              // the compiler refused it
	survived             // all tests passed
)

// try runs the tests of the package with the mutant in place of its file; nil is the code as it stands. What cannot be
// tried is killed, which a run of the code as it stands comes before.
func try(ctx context.Context, folder string, m *mutant) (fate, string) {
	// Vet and debug information cost time and find nothing here.
	arguments := []string{"test", "-short", "-failfast", "-count=1", "-vet=off", "-ldflags=-s -w"}
	if m != nil {
		work, err := os.MkdirTemp("", "mutate-")
		if err != nil {
			return killed, err.Error()
		}
		defer os.RemoveAll(work)
		overlay, err := m.write(work)
		if err != nil {
			return killed, err.Error()
		}
		arguments = append(arguments, "-overlay="+overlay)
	}
	command := exec.CommandContext(ctx, "go", append(arguments, "./"+folder)...)
	ownGroup(command)
	output, err := command.CombinedOutput()
	switch {
	case err == nil:
		return survived, ""
	case strings.Contains(string(output), "[build failed]"):
		return unbuilt, string(output)
	}
	return killed, string(output)
}

// write puts the broken file and the overlay that names it into a folder of its own.
func (m *mutant) write(folder string) (overlay string, err error) {
	source, err := os.ReadFile(m.file)
	if err != nil {
		return "", err
	}
	absolute, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	broken := filepath.Join(folder, "broken.go")
	text := string(source[:m.from]) + m.with + string(source[m.to:])
	if err := os.WriteFile(broken, []byte(text), 0o600); err != nil {
		return "", err
	}
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{absolute: broken}})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(folder, "overlay.json")
	return overlay, os.WriteFile(overlay, replace, 0o600)
}
