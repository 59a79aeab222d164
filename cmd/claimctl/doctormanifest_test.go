package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/claimd/claimd/cmd/claimctl/finding"
	"github.com/claimd/claimd/cmd/claimctl/manifest"
	"github.com/claimd/claimd/daemon"
	"github.com/claimd/claimd/daemon/config"
)

// TestManifests holds each manifest of testdata/manifest against the configuration beside it, and wants the text beside
// it. UPDATE_SCRIPTS=1 writes the texts anew.
func TestManifests(t *testing.T) {
	files := manifests(t)
	if len(files) < 45 {
		t.Errorf("got %d manifests", len(files))
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			var out, problems strings.Builder
			tool := &tool{stdout: &out, stderr: &problems, configPath: configOf(t, name)}
			code := tool.report(tool.doctorManifest(file, ""))
			got := fmt.Sprintf("%s%sexit status %d\n", out.String(), problems.String(), code)
			path := filepath.Join("testdata/manifest", name+".want")
			if os.Getenv("UPDATE_SCRIPTS") != "" {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			wantText(t, name, string(want), got)
			if bad := strings.HasPrefix(name, "bad_"); bad != (problems.Len() > 0) || bad && code != exitUnknown {
				t.Errorf("exit status %d, standard error %q", code, problems.String())
			}
			if good := strings.HasPrefix(name, "good_"); good && code != exitUnknown {
				t.Errorf("a good manifest: want exit status %d (assignment stands in no manifest), got %d", exitUnknown, code)
			}
		})
	}
}

func manifests(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/manifest/*.json")
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// configOf copies the configuration of a manifest to where its owner and mode are in order.
func configOf(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata/manifest", name+".toml"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "claimd.toml")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A manifest holds nothing but opening brackets. Each level kept the whole path to it, so that memory grew by the square: the
// 1 MiB that is read would have taken terabytes, and claimctl doctor --manifest runs as root.
func TestAManifestOfBracketsTakesLittleMemory(t *testing.T) {
	for raw, want := range map[string]string{
		strings.Repeat("[", 1<<20):           "line 1: want JSON as the portal writes it: objects and lists stand in each other more than 64 deep",
		strings.Repeat("\n{\"a\":", 100_000): "line 66: want JSON as the portal writes it: objects and lists stand in each other more than 64 deep",
		strings.Repeat("[", 64) + strings.Repeat("]", 64): "want one JSON object, got something else\n" +
			"hint: of az ad app list, take one element; az ad app show --id ID gives one",
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := manifest.Read([]byte(raw))
		runtime.ReadMemStats(&after)
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 32 {
			t.Errorf("%d bytes took %d MiB", len(raw), took)
		}
	}
}

// TestTheLinesMendWhatTheyAreFor puts the lines that doctor prints into the manifest, as somebody would in the portal.
// Each is a member of a JSON object; after them no answer is no that was yes before, and those that the lines are for
// are yes, so that the same lines are not printed again.
func TestTheLinesMendWhatTheyAreFor(t *testing.T) {
	mended := 0
	for _, file := range manifests(t) {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		if strings.HasPrefix(name, "bad_") || name == "utf16" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			loaded, err := daemon.Load(configOf(t, name), config.ReadOptions{})
			if err != nil {
				t.Fatal(err)
			}
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			before, lines := judgeManifest(t, raw, loaded.Config)
			if len(lines) == 0 {
				return
			}
			after, again := judgeManifest(t, put(t, raw, lines), loaded.Config)
			mended++
			if len(again) > 0 {
				t.Errorf("want no lines once they are set, got %q", again)
			}
			for check, verdict := range after {
				if verdict == finding.No && before[check] != finding.No {
					t.Errorf("%s: the lines made it worse", check)
				}
			}
			if noes(after) >= noes(before) {
				t.Errorf("want fewer than %d noes, got %d", noes(before), noes(after))
			}
		})
	}
	if mended < 15 {
		t.Errorf("%d manifests were mended, want more", mended)
	}
}

func judgeManifest(t *testing.T, raw []byte, cfg *config.Config) (map[string]finding.Verdict, []manifest.Line) {
	t.Helper()
	m, err := manifest.Read(raw)
	if err != nil {
		t.Fatal(err)
	}
	findings, lines, err := manifest.Judge(m, cfg, "")
	if err != nil {
		t.Fatal(err)
	}
	verdicts := map[string]finding.Verdict{}
	for _, f := range findings {
		verdicts[f.Check] = f.Verdict
	}
	return verdicts, lines
}

func noes(verdicts map[string]finding.Verdict) int {
	n := 0
	for verdict := range maps.Values(verdicts) {
		if verdict == finding.No {
			n++
		}
	}
	return n
}

// put sets the lines in the manifest.
func put(t *testing.T, raw []byte, lines []manifest.Line) []byte {
	t.Helper()
	var top map[string]any
	if err := json.Unmarshal([]byte(strings.TrimPrefix(string(raw), "\xef\xbb\xbf")), &top); err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		var set map[string]any
		if err := json.Unmarshal([]byte("{"+line.Text+"}"), &set); err != nil || len(set) != 1 {
			t.Fatalf("want one member of a JSON object, got %v: %s", err, line.Text)
		}
		in := top
		if line.In != "" {
			in, _ = top[line.In].(map[string]any)
		}
		if in == nil {
			t.Fatalf("the manifest has no %s to set %s in", line.In, line.Text)
		}
		if name := slices.Collect(maps.Keys(set))[0]; !slices.Contains(slices.Collect(maps.Keys(in)), name) {
			t.Errorf("the manifest has no %q: is that its name?", name)
		}
		maps.Copy(in, set)
	}
	text, err := json.Marshal(top)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestAProviderThatIsNamedIsCompared although the manifest is of another app.
func TestAProviderThatIsNamedIsCompared(t *testing.T) {
	var out strings.Builder
	tool := &tool{stdout: &out, stderr: &out, configPath: configOf(t, "of_another_app")}
	if code := tool.report(tool.doctorManifest("testdata/manifest/of_another_app.json", "contoso")); code != exitNo {
		t.Errorf("exit status: want %d, got %d", exitNo, code)
	}
	for _, want := range []string{
		"appId is a2f7c0d5-6b38-4e91-8d04-c75e19b3f620, application_id is c8d14e02-7b6a-4f39-9e51-2a84f06d73bc",
		"groups claim     yes", "the manifest of Contoso reports API for provider.contoso",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("want %q in\n%s", want, out.String())
		}
	}
}

// TestManifestsAreToldAsJSON with the lines to set beside the answers.
func TestManifestsAreToldAsJSON(t *testing.T) {
	var out strings.Builder
	tool := &tool{json: true, stdout: &out, stderr: &out, configPath: configOf(t, "fresh_graph")}
	tool.report(tool.doctorManifest("testdata/manifest/fresh_graph.json", ""))
	var result doctorResult
	if err := json.Unmarshal([]byte(out.String()), &result); err != nil {
		t.Fatal(err)
	}
	if result.OK || result.Counts.No == 0 || result.Counts != finding.Count(result.Findings) || len(result.Lines) == 0 {
		t.Errorf("got %+v", result)
	}
}

// TestAManifestHasALimit: a file that somebody named by mistake is not read to its end.
func TestAManifestHasALimit(t *testing.T) {
	_, err := manifest.Read(make([]byte, longestManifest))
	wantText(t, "the error", "want a manifest of at most 1 MiB, got more", fmt.Sprint(err))
}

// TestAManifestCannotSteerTheTerminal: whoever may edit an app registration need not be who reads doctor's answers.
func TestAManifestCannotSteerTheTerminal(t *testing.T) {
	raw, err := os.ReadFile("testdata/manifest/fresh_graph.json")
	if err != nil {
		t.Fatal(err)
	}
	evil := strings.ReplaceAll(string(raw), `"Contoso reports API"`, `"\u001b[31mred\u202e\n  scopes  yes"`)
	evil = strings.ReplaceAll(evil, `"signInAudience": "AzureADMyOrg"`, `"signInAudience": "\u009b31m`+"\u202e"+`\r\n  scopes  yes"`)
	file := filepath.Join(t.TempDir(), "app.json")
	if err := os.WriteFile(file, []byte(evil), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, asJSON := range []bool{false, true} {
		var out strings.Builder
		tool := &tool{json: asJSON, stdout: &out, stderr: &out, configPath: configOf(t, "fresh_graph")}
		tool.report(tool.doctorManifest(file, ""))
		if strings.ContainsAny(out.String(), "\x1b\u009b\u202e\r") || strings.Contains(out.String(), "\n  scopes  yes") {
			t.Errorf("got %q", out.String())
		}
	}
}
