package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var commit = time.Date(2026, 11, 22, 2, 3, 54, 0, time.UTC)

// TestAChangelogTellsEveryVersion: what is unreleased belongs to the version that is packaged, which always has an entry.
func TestAChangelogTellsEveryVersion(t *testing.T) {
	const released = "## 1.0.0 - 2026-11-20\n\n### Fixed\n- A\n  long `item`.\n"
	tests := map[string]struct{ text, version, want string }{
		"nothing released": {"# Changelog\n\nText.\n\n## Unreleased\n\n### Added\n- One.\n- Two.\n", "0.0.0~1-1", `claimd (0.0.0~1-1) stable; urgency=medium

  * Added: One.
  * Added: Two.

 -- The claimd authors <claimd@users.noreply.github.com>  Sun, 22 Nov 2026 02:03:54 +0000
`},
		"the release itself": {"## Unreleased\n\n" + released, "1.0.0-1", `claimd (1.0.0-1) stable; urgency=medium

  * Fixed: A long item.

 -- The claimd authors <claimd@users.noreply.github.com>  Fri, 20 Nov 2026 00:00:00 +0000
`},
		"a pre-release": {"## [1.0.0-rc.1] - 2026-11-20\n- One.\n", "1.0.0~rc.1-1", `claimd (1.0.0~rc.1-1) stable; urgency=medium

  * One.

 -- The claimd authors <claimd@users.noreply.github.com>  Fri, 20 Nov 2026 00:00:00 +0000
`},
		"after a release, nothing told": {released, "1.0.0+1.gabc-1", `claimd (1.0.0+1.gabc-1) stable; urgency=medium

  * Built between releases.

 -- The claimd authors <claimd@users.noreply.github.com>  Sun, 22 Nov 2026 02:03:54 +0000

claimd (1.0.0-1) stable; urgency=medium

  * Fixed: A long item.

 -- The claimd authors <claimd@users.noreply.github.com>  Fri, 20 Nov 2026 00:00:00 +0000
`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			entries, err := readChanges(test.text, test.version, commit)
			if err != nil {
				t.Fatal(err)
			}
			if got := debianChangelog("claimd", entries); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
			if all := chglog(entries); len(all) != len(entries) || all[0].Version != test.version {
				t.Errorf("an rpm has %+v", all)
			}
		})
	}
}

func TestAChangelogThatCannotBeReadIsAFault(t *testing.T) {
	for text, want := range map[string]string{
		"## 1.0.0\n":                     `line 1: want Unreleased or VERSION - YYYY-MM-DD, got "1.0.0"`,
		"## Unreleased\n\nA sentence.\n": `line 3: want a heading or an item, got "A sentence."`,
		"## 1.0.0 - today\n":             `line 1: want Unreleased or VERSION - YYYY-MM-DD, got "1.0.0 - today"`,
	} {
		if _, err := readChanges(text, "1.0.0-1", commit); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

// TestTheChangelogOfThisRepositoryCanBeRead, and no line of it is longer than Debian's tools like.
func TestTheChangelogOfThisRepositoryCanBeRead(t *testing.T) {
	text, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := readChanges(string(text), "0.0.0~1-1", commit)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(debianChangelog("claimd", entries)) {
		if len([]rune(line)) > 81 && !strings.HasPrefix(line, " -- ") {
			t.Errorf("too long: %s", line)
		}
	}
}

// TestEveryLicenceIsOneThatIsKnown: another one, or a second, has to be looked at by somebody.
func TestEveryLicenceIsOneThatIsKnown(t *testing.T) {
	const bsd = "Redistribution and use in source and binary forms, with or without\nmodification, are permitted provided that the following conditions are\nmet:\n"
	const mit = "Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files"
	for text, want := range map[string]string{
		"  Apache License\n  Version 2.0, January 2004\n": "Apache-2.0",
		mit + ", to deal":                      "MIT",
		bsd + "one, two":                       "BSD-2-Clause",
		bsd + "Neither the name":               "BSD-3-Clause",
		"GNU GENERAL PUBLIC LICENSE Version 3": "the licence is not one that is known here",
		"":                                     "the licence is not one that is known here",
		mit + bsd:                              "the licence file holds several: MIT, BSD",
	} {
		got, err := licenceOf(text)
		if err != nil {
			got.spdx = err.Error()
		}
		if got.spdx != want {
			t.Errorf("got %q, want %q", got.spdx, want)
		}
	}
}

func TestHoldersOfACopyright(t *testing.T) {
	const text = `// Copyright (c) 2016-2024 Uber Technologies, Inc.
Copyright © 2012 The Go Authors. All rights reserved.
   Copyright [yyyy] [name of copyright owner]
copyright notice that is included in or attached to the work
 * Copyright 2015 Björn Rabenstein
Copyright 2025
`
	want := []string{"2016-2024 Uber Technologies, Inc.", "2012 The Go Authors", "2015 Björn Rabenstein"}
	if got := holders(text); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestEverythingThatIsLinkedInHasItsLicence is what a package is made with.
func TestEverythingThatIsLinkedInHasItsLicence(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		works, err := linked(t.Context(), arch, []string{"../../cmd/claimd", "../../cmd/claimctl", "../../cmd/fakeentra"})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := expression(works), "Apache-2.0 AND BSD-2-Clause AND BSD-3-Clause AND MIT"; got != want {
			t.Errorf("%s: got the licences %s, want %s", arch, got, want)
		}
		text := copyrightFile("claimd", works)
		for _, want := range []string{
			"Files: go@go1.", "\nFiles: github.com/BurntSushi/toml@v", " golang.org/x/sys@v",
			"internal/github.com/golang/gddo/*\n", // under another licence than the module that it is in
			"\n CoreOS Project\n",                 // a notice
			"\n ## musl libc\n",                   // the licence of a part, in a file of its own
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the copyright file has no %q", arch, want)
			}
		}
		for i, w := range works {
			if w.licence.spdx != "Apache-2.0" && w.licence.text == "" || len(w.holders) == 0 {
				t.Errorf("%s: %+v", arch, works[i])
			}
		}
	}
}

// TestAModuleWithoutALicenceIsNotPackaged, nor one that has two.
func TestAModuleWithoutALicenceIsNotPackaged(t *testing.T) {
	root := t.TempDir()
	inner := filepath.Join(root, "inner")
	if err := os.Mkdir(inner, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := licensed(root, inner); err == nil || err.Error() != "no licence file" {
		t.Errorf("got %v", err)
	}
	for _, name := range []string{"LICENSE", "COPYING.txt"} {
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	place, err := licensed(root, inner)
	if err != nil || place != root {
		t.Errorf("got %s, %v", place, err)
	}
	if _, err := read("x", "x", root); err == nil || !strings.HasPrefix(err.Error(), "x: want one licence file, got [") {
		t.Errorf("got %v", err)
	}
}

// TestProgramsHoldWhatTheLicencesAreOf compares with a program that was built: this test itself.
func TestProgramsHoldWhatTheLicencesAreOf(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	standard, err := toolchain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	directory, name := filepath.Dir(program), filepath.Base(program)
	if err := built(directory, []string{name}, []work{*standard}); err != nil {
		t.Error(err)
	}
	more := []work{*standard, {module: "example.com/other@v1.0.0"}}
	want := "the programs hold\n  " + standard.module + "\nbut the licences are those of\n  example.com/other@v1.0.0\n  " + standard.module
	if err := built(directory, []string{name}, more); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := built(directory, []string{"none"}, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
