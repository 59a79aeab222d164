package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// work is what is linked in under one licence: a module, a directory of one that has a licence of its own, or Go.
type work struct {
	name    string // path@version, and the directory
	module  string // path@version
	licence licence
	notices []string // what Apache-2.0 4(d) wants told
	holders []string // whose it is: one line each, with the years
}

// pack is what is used of go list -json.
type pack struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Standard   bool
	Module     *struct {
		Path, Version, Dir string
		Main               bool
	}
}

// linked finds what the programs are linked with on Linux, each work once, in the order of their names. A work without
// a licence file, or with one that is not known here, is an error: somebody has to look at it.
func linked(ctx context.Context, arch string, programs []string) ([]work, error) {
	packs, err := list(ctx, arch, programs)
	if err != nil {
		return nil, err
	}
	works := map[string]*work{}
	for _, p := range packs {
		if p.Standard || p.Module != nil && p.Module.Main {
			continue
		}
		if p.Module == nil {
			return nil, fmt.Errorf("%s belongs to no module", p.ImportPath)
		}
		module := p.Module.Path + "@" + p.Module.Version
		place, err := licensed(p.Module.Dir, p.Dir)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.ImportPath, err)
		}
		name := module + strings.TrimPrefix(place, p.Module.Dir)
		if works[name] == nil {
			if works[name], err = read(name, module, place); err != nil {
				return nil, err
			}
		}
		if err := works[name].credit(p); err != nil {
			return nil, err
		}
	}
	standard, err := toolchain(ctx)
	if err != nil {
		return nil, err
	}
	works[standard.name] = standard
	return sorted(works), nil
}

func list(ctx context.Context, arch string, programs []string) ([]pack, error) {
	command := exec.CommandContext(ctx, "go", append([]string{"list", "-deps", "-json=ImportPath,Dir,GoFiles,Standard,Module"}, programs...)...)
	command.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0")
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var all []pack
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pack
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
}

// toolchain is Go itself: its runtime and standard library are in every program.
func toolchain(ctx context.Context) (*work, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOVERSION", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	version, root, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	version, _, _ = strings.Cut(version, " ") // experiments
	return read("go@"+version, "go@"+version, root)
}

var licenceName = regexp.MustCompile(`(?i)^(licen[cs]e|copying)([.-].*)?$`)

// ownName is the licence of the work itself; LICENSE-MUSL beside it is that of a part which others wrote.
var ownName = regexp.MustCompile(`(?i)^(licen[cs]e|copying)(\.[a-z]+)?$`)
var noticeName = regexp.MustCompile(`(?i)^notice([.-].*)?$`)

// licensed gives the directory whose licence a package is under: its own, or the nearest above it in the module.
func licensed(root, directory string) (string, error) {
	for {
		found, err := named(directory, licenceName)
		if err != nil {
			return "", err
		}
		if len(found) > 0 {
			return directory, nil
		}
		if directory == root {
			return "", errors.New("no licence file")
		}
		directory = filepath.Dir(directory)
	}
}

// read reads the licence and the notices that a directory holds. The licences of its parts are told as its notices are.
func read(name, module, directory string) (*work, error) {
	w := &work{name: name, module: module}
	all, err := named(directory, licenceName)
	if err != nil {
		return nil, err
	}
	var files, parts []string
	for _, file := range all {
		if ownName.MatchString(filepath.Base(file)) {
			files = append(files, file)
		} else {
			parts = append(parts, file)
		}
	}
	if len(files) == 0 {
		files, parts = parts, nil // one file may have any name
	}
	if len(files) != 1 {
		return nil, fmt.Errorf("%s: want one licence file, got %q", name, files)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return nil, err
	}
	if w.licence, err = licenceOf(string(text)); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	w.hold(holders(string(text)))
	notices, err := named(directory, noticeName)
	if err != nil {
		return nil, err
	}
	for _, notice := range append(notices, parts...) {
		text, err := os.ReadFile(notice)
		if err != nil {
			return nil, err
		}
		w.notices = append(w.notices, strings.TrimSpace(string(text)))
		if first := holders(string(text)); len(first) > 0 { // the others are those of what the notice lists
			w.hold(first[:1])
		}
	}
	return w, nil
}

// credit adds whoever the files of a package name at their top.
func (w *work) credit(p pack) error {
	for _, file := range p.GoFiles {
		text, err := os.ReadFile(filepath.Join(p.Dir, file))
		if err != nil {
			return err
		}
		top, _, _ := strings.Cut(string(text), "\npackage ")
		w.hold(holders(top))
	}
	return nil
}

// hold adds those who are not named yet, in whatever years.
func (w *work) hold(lines []string) {
	for _, line := range lines {
		if !slices.ContainsFunc(w.holders, func(other string) bool { return person(other) == person(line) }) {
			w.holders = append(w.holders, line)
		}
	}
}

func named(directory string, name *regexp.Regexp) ([]string, error) {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, entry := range entries {
		if entry.Type().IsRegular() && name.MatchString(entry.Name()) && filepath.Ext(entry.Name()) != ".go" {
			found = append(found, filepath.Join(directory, entry.Name()))
		}
	}
	return found, nil
}

func sorted(works map[string]*work) []work {
	var all []work
	for _, w := range works {
		all = append(all, *w)
	}
	slices.SortFunc(all, func(a, b work) int { return strings.Compare(a.name, b.name) })
	return all
}
