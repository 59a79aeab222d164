package bench

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

var (
	long   = flag.Bool("long", false, "measure for minutes, and hold the ratios against recorded.json")
	record = flag.Bool("record", false, "with -long: write the ratios to recorded.json instead")
)

// roleVariable tells a copy of the test binary which server to play.
const roleVariable = "CLAIMD_BENCH_ROLE"

// TestMain lets the test binary play the bare handler, and in the short form claimd too.
func TestMain(m *testing.M) {
	var err error
	switch role := os.Getenv(roleVariable); role {
	case "":
		os.Exit(m.Run())
	case "bare":
		err = serveBare()
	case "claimd":
		err = serveClaimd(os.Args[1])
	case withDirectory, withoutDirectory:
		err = serveGate(os.Args[1], role)
	default:
		err = fmt.Errorf("want bare, claimd, with or without directory in %s, got %q", roleVariable, role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
