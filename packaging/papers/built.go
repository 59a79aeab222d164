package main

import (
	"debug/buildinfo"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// built holds the works to what is in the programs themselves (go version -m): the same modules, none besides.
func built(directory string, programs []string, works []work) error {
	var want, got []string
	for _, program := range programs {
		info, err := buildinfo.ReadFile(filepath.Join(directory, filepath.Base(program)))
		if err != nil {
			return err
		}
		got = append(got, "go@"+strings.Fields(info.GoVersion)[0])
		for _, module := range info.Deps {
			if module.Replace != nil {
				return fmt.Errorf("%s is replaced by %s, whose licence nobody has looked at", module.Path, module.Replace.Path)
			}
			got = append(got, module.Path+"@"+module.Version)
		}
	}
	for _, w := range works {
		want = append(want, w.module)
	}
	slices.Sort(want)
	slices.Sort(got)
	if want, got := slices.Compact(want), slices.Compact(got); !slices.Equal(want, got) {
		return fmt.Errorf("the programs hold\n  %s\nbut the licences are those of\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	return nil
}
