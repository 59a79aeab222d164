package soak

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// built is where this run's programs are: built once, as make build does it and without the race detector, for what is
// measured is what is shipped.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "claimd-programs")
	if err != nil {
		return "", err
	}
	programsIn = dir
	command := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X main.version=soak", "-o", dir+"/", "./cmd/...")
	command.Dir = "../.."
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return dir, nil
})

// programsIn is built's directory, for removePrograms; "" = nothing was built.
var programsIn string

// program gives the path of claimd, claimctl or fakeentra.
func program(t *testing.T, name string) string {
	t.Helper()
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

func removePrograms() error {
	if programsIn == "" {
		return nil
	}
	return os.RemoveAll(programsIn)
}
