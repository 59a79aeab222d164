package main

import (
	"errors"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// What --kept-identities may be. Less than a mebibyte keeps too few to be worth it; more than a gibibyte is a slip.
const (
	leastKept = 1 << 20
	mostKept  = 1 << 30
	usualKept = "12MiB" // access.KeptBytes as people write it
)

// keptSize is the value of --kept-identities, in bytes.
type keptSize uint64

func (k *keptSize) String() string { return strconv.FormatUint(uint64(*k)>>10, 10) + "KiB" }

// Set reads a number with its unit.
func (k *keptSize) Set(text string) error {
	wrong := errors.New("want a size of 1MiB to 1GiB in KiB, MiB or GiB, such as " + usualKept)
	units := []struct {
		name string
		size uint64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}}
	for _, unit := range units {
		number, ok := strings.CutSuffix(text, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 32)
		if size := n * unit.size; err == nil && size >= leastKept && size <= mostKept {
			*k = keptSize(size)
			return nil
		}
	}
	return wrong
}

// What the directory of users may take beside: what was seen lately and what waits to be written, and for each user whom it
// knows its place in memory, twice for the time in which all are loaded anew.
const (
	directoryBytes = 32 << 20
	userBytes      = 128
)

// limitMemory has the collector work harder, rather than let the heap grow to twice what lives, once the process comes
// near twice the bound on kept identities, 80 MiB, and what so many users take. Clients with however many tokens stay well under that; what comes
// near it are thousands of connections at once. It is no promise: what lives is never given up for it. So it stands above
// all that the limits on connections and identities let live, or the collector would be most of what runs: with 64 in
// place of 80 MiB, and 500 connections more, it made half a second of a p99 of 37 ms. GOMEMLIMIT in the
// environment is the administrator's own word, and holds.
func limitMemory(kept keptSize, users int) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(2*int64(kept) + 80<<20 + directoryBytes + userBytes*int64(users))
	}
}
