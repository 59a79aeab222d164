package main

import (
	"io"
	"os"
	"strings"

	"github.com/claimd/claimd/cmd/claimctl/manifest"
)

// longestManifest is one byte more than package manifest takes: it says that it is too much.
const longestManifest = 1<<20 + 1

// doctorManifest holds an app registration's manifest against the configuration. Files that cannot be used end it: the
// answers would be guesses.
func (t *tool) doctorManifest(file, provider string) error {
	loaded, faults, err := t.loaded()
	if err != nil {
		return err
	}
	if loaded == nil {
		return &failure{code: exitUnknown,
			text: "the configuration has faults, so nothing can be held against it\n" + strings.TrimSuffix(faultsText(onlyFaults(faults)), "\n")}
	}
	raw, err := t.readManifest(file)
	if err != nil {
		return &failure{code: exitUnknown, text: "the manifest cannot be read: " + err.Error()}
	}
	m, err := manifest.Read(raw)
	if err != nil {
		text, hint, _ := strings.Cut(err.Error(), "\nhint: ")
		return &failure{code: exitUnknown, text: "the manifest " + file + ": " + text, hint: hint}
	}
	findings, lines, err := manifest.Judge(m, loaded.Config, provider)
	if err != nil {
		return misused("doctor", "%s", err)
	}
	return t.tell(findings, lines)
}

func (t *tool) readManifest(file string) ([]byte, error) {
	from := t.stdin
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer opened.Close()
		from = opened
	}
	return io.ReadAll(io.LimitReader(from, longestManifest))
}
