package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// licence is a licence as one work has it.
type licence struct {
	spdx string
	text string // as the work has it; "" for Apache-2.0, which has one text for all
}

// marks tell the licences apart, each by words that it has and no other here.
var marks = []struct{ spdx, words string }{
	{"Apache-2.0", "Apache License Version 2.0, January 2004"},
	{"MIT", "Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files"},
	{"BSD", "Redistribution and use in source and binary forms, with or without modification, are permitted provided that the following conditions are met"},
}

// licenceOf tells which licence a text is. One of two licences, and one that is not known here, are errors.
func licenceOf(text string) (licence, error) {
	words := strings.Join(strings.Fields(text), " ")
	var found []string
	for _, mark := range marks {
		if strings.Contains(words, mark.words) {
			found = append(found, mark.spdx)
		}
	}
	switch {
	case len(found) == 0:
		return licence{}, errors.New("the licence is not one that is known here")
	case len(found) > 1:
		return licence{}, fmt.Errorf("the licence file holds several: %s", strings.Join(found, ", "))
	case found[0] == "Apache-2.0":
		return licence{spdx: "Apache-2.0"}, nil
	case found[0] == "BSD" && strings.Contains(words, "Neither the name"):
		found[0] = "BSD-3-Clause"
	case found[0] == "BSD":
		found[0] = "BSD-2-Clause"
	}
	return licence{found[0], strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))}, nil
}

// A line that says whose the work is; lines of a licence that speak of copyright have no year and no sign, and
// [yyyy] is a form to fill in.
var holder = regexp.MustCompile(`(?im)^[ \t/*#]*(copyright[ \t]+(?:\(c\)|©|[0-9]{4}).*)$`)

// holders gives the copyright lines of a text, without the words that all of them share.
func holders(text string) []string {
	var all []string
	for _, found := range holder.FindAllStringSubmatch(text, -1) {
		line := strings.Join(strings.Fields(found[1]), " ")[len("copyright "):]
		for _, sign := range []string{"(c) ", "(C) ", "© "} {
			line = strings.TrimPrefix(line, sign)
		}
		line, _, _ = strings.Cut(line, " All rights reserved")
		line = strings.TrimRight(line, " ,*/")
		if !strings.HasSuffix(line, "Inc.") && !strings.HasSuffix(line, "Ltd.") {
			line = strings.TrimSuffix(line, ".")
		}
		if person(line) != "" {
			all = append(all, line)
		}
	}
	return all
}

// person is a copyright line without years and final dot.
func person(line string) string {
	return strings.TrimSuffix(strings.TrimLeft(strings.TrimPrefix(strings.TrimLeft(line, "0123456789-, "), "present"), " ,"), ".")
}
