// Papers writes the papers of a package: its changelog, and the copyright file with the licence of everything that is
// linked into its programs. What it writes depends on the sources and its flags alone.
//
//	papers --package claimd --arch amd64 --version 1.2.0-1 --date 1795313034 \
//		--binaries DIRECTORY --out DIRECTORY ./cmd/claimd ./cmd/claimctl
//
// It writes changelog (deb-changelog(5)), changelog.json (the same for nfpm's rpm), copyright (DEP-5) and licence (one
// SPDX expression).
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// maintainer is who packages are from.
const maintainer = "The claimd authors <claimd@users.noreply.github.com>"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "papers:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	flags := flag.NewFlagSet("papers", flag.ContinueOnError)
	name := flags.String("package", "", "the name of the package")
	arch := flags.String("arch", "", "the architecture, as GOARCH has it")
	version := flags.String("version", "", "the version of the package, with its release")
	date := flags.Int64("date", 0, "when the sources were committed, in seconds since 1970")
	binaries := flags.String("binaries", "", "the directory of the programs as they were built")
	news := flags.String("changelog", "CHANGELOG.md", "where changes are told")
	out := flags.String("out", "", "the directory to write to")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if *name == "" || *arch == "" || *version == "" || *date == 0 || *binaries == "" || *out == "" || flags.NArg() == 0 {
		return fmt.Errorf("want --package, --arch, --version, --date, --binaries, --out and the programs")
	}
	text, err := os.ReadFile(*news)
	if err != nil {
		return err
	}
	entries, err := readChanges(string(text), *version, time.Unix(*date, 0).UTC())
	if err != nil {
		return fmt.Errorf("%s: %w", *news, err)
	}
	rpm, err := json.MarshalIndent(chglog(entries), "", " ")
	if err != nil {
		return err
	}
	works, err := linked(context.Background(), *arch, flags.Args())
	if err != nil {
		return err
	}
	if err := built(*binaries, flags.Args(), works); err != nil {
		return err
	}
	for file, content := range map[string]string{
		"changelog":      debianChangelog(*name, entries),
		"changelog.json": string(rpm) + "\n",
		"copyright":      copyrightFile(*name, works),
		"licence":        expression(works) + "\n",
	} {
		if err := os.WriteFile(filepath.Join(*out, file), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}
