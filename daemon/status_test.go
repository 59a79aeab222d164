package daemon

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// A leak shows as a number that grows: each one must tell what it says it tells.
func TestStatusTellsWhatTheProcessTakes(t *testing.T) {
	s := newSite(t)
	s.write(s.toml())
	s.start()
	before := s.status().Process
	if before.Goroutines < 5 || before.HeapBytes == 0 || before.MemoryBytes < before.HeapBytes {
		t.Errorf("the process takes %+v", before)
	}
	const more = 50
	for range more { // each has a descriptor at both ends, and, as its question is net/http's to answer, a goroutine at claimd's
		connection, err := net.Dial("unix", filepath.Join(s.dir, "run/gate.sock"))
		mustDo(t, err)
		defer connection.Close()
		fmt.Fprint(connection, "GET /livez HTTP/1.1\r\nHost: api\r\n\r\n")
	}
	ballast := make([]byte, 32<<20)
	ballast[len(ballast)-1] = 1
	eventually(t, func() (string, bool) {
		now := s.status().Process
		return fmt.Sprintf("with %d connections and 32 MiB more: %+v, before %+v", more, now, before),
			now.OpenFiles > before.OpenFiles+3*more/2 && now.Goroutines > before.Goroutines+more/2 && now.MemoryBytes >= uint64(len(ballast))
	})
	if ballast[len(ballast)-1] != 1 {
		t.Error("the ballast was not kept")
	}
}

func TestOpenFilesAreThoseOfTheProcess(t *testing.T) {
	before := openFiles()
	file, err := os.Open(os.DevNull)
	mustDo(t, err)
	defer file.Close()
	if got := openFiles(); got != before+1 {
		t.Errorf("%d open files after one more than %d", got, before)
	}
}
