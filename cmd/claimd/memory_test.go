package main

import (
	"runtime/debug"
	"testing"

	"github.com/claimd/claimd/daemon/access"
)

func TestASizeIsANumberWithItsUnit(t *testing.T) {
	const wrong = "want a size of 1MiB to 1GiB in KiB, MiB or GiB, such as 12MiB"
	var usual keptSize
	if err := usual.Set(usualKept); err != nil || usual != access.KeptBytes {
		t.Errorf("what is said to be usual is %d (%v), want %d", usual, err, access.KeptBytes)
	}
	for text, want := range map[string]uint64{
		"1MiB": 1 << 20, "1024KiB": 1 << 20, "12MiB": 12 << 20, "1GiB": 1 << 30, "1024MiB": 1 << 30,
		"": 0, "0": 0, "12": 0, "MiB": 0, "12MB": 0, "12mib": 0, "12 MiB": 0, "12MiB ": 0, "+12MiB": 0, "-1MiB": 0, "1.5MiB": 0,
		"1023KiB": 0, "1025MiB": 0, "4294967296KiB": 0, "18446744073709551616GiB": 0,
	} {
		var got keptSize
		problem := ""
		if err := got.Set(text); err != nil {
			problem = err.Error()
		}
		if uint64(got) != want || (problem != "") != (want == 0) || problem != "" && problem != wrong {
			t.Errorf("%q: %d and %q, want %d", text, got, problem, want)
		}
	}
}

// The administrator's own GOMEMLIMIT holds; without one the limit leaves room for all that may live.
func TestTheMemoryLimitIsTheEnvironmentsOrFollowsTheBound(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	t.Setenv("GOMEMLIMIT", "off")
	limitMemory(access.KeptBytes, 0)
	if got := debug.SetMemoryLimit(-1); got != before {
		t.Errorf("with GOMEMLIMIT: %d, want %d as it was", got, before)
	}
	t.Setenv("GOMEMLIMIT", "")
	limitMemory(access.KeptBytes, 0)
	if got, want := debug.SetMemoryLimit(-1), int64(136<<20); got != want {
		t.Errorf("without GOMEMLIMIT: %d, want %d", got, want)
	}
	limitMemory(access.KeptBytes, 1_000_000) // who is known lives: a limit below that would have the collector run all the time
	if got, want := debug.SetMemoryLimit(-1), int64(136<<20+128_000_000); got != want {
		t.Errorf("with a million users: %d, want %d", got, want)
	}
}
