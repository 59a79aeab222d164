package directory

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// long runs the long forms: each store killed 500 times, and filled with a million users.
var long = flag.Bool("long", false, "kill each store 500 times, and fill it with a million users")

func TestMain(m *testing.M) {
	if work := os.Getenv(victimVariable); work != "" {
		victim(work) // this process was started to be killed
		return
	}
	flag.Parse()
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
