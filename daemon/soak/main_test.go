package soak

import (
	"flag"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// soakFor is how long the long forms run; 0 = the short forms run. The environment's SOAK is its default.
var soakFor = flag.Duration("soak", 0, "run the long forms for so `long`")

func TestMain(m *testing.M) {
	flag.Parse()
	if text := os.Getenv("SOAK"); text != "" && *soakFor == 0 {
		duration, err := time.ParseDuration(text)
		if err != nil || duration <= 0 {
			fmt.Fprintf(os.Stderr, "SOAK: want a duration such as 30m, got %q\n", text)
			os.Exit(2)
		}
		*soakFor = duration
	}
	syscall.Umask(0o022) // files that others can write to are no configuration
	code := m.Run()
	if err := removePrograms(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// long gives how long the long form runs; 0 = the short form is asked for.
func long() time.Duration { return *soakFor }
