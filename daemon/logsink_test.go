package daemon

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/claimd/claimd/daemon/config"
)

// The journal hung. Each refusal waited for its line, each reload for the next, and SIGTERM for both. Now one line waits
// a moment and no other does; when the reader is back it finds what fits into memory, in order, and how much is missing.
func TestNobodyWaitsForWhoReadsTheLog(t *testing.T) {
	reads, writes, err := os.Pipe()
	mustDo(t, err)
	defer reads.Close()
	defer writes.Close()
	logging := newLogging(writes, nil, config.Log{Level: "info", Format: "json"})
	log := logging.logger()
	const lines = 10_000 // of some 170 bytes: the pipe holds 64 KiB, the sink 256
	var longest time.Duration
	var waited int
	for i := range lines {
		began := time.Now()
		log.Info(fmt.Sprintf("line %d", i), zap.String("filler", strings.Repeat("x", 100)))
		took := time.Since(began)
		longest = max(longest, took)
		if took >= sinkPatience {
			waited++
		}
	}
	if longest > 50*sinkPatience || waited == 0 || waited > 50 {
		t.Errorf("%d lines waited, for %v at most; want one, for %v", waited, longest, sinkPatience)
	}
	text := make(chan string)
	go func() {
		all, _ := io.ReadAll(reads) // ends when the pipe is closed
		text <- string(all)
	}()
	mustDo(t, log.Sync())
	log.Info("the last")
	mustDo(t, writes.Close(), logging.sink.out.(*os.File).Close())
	got := strings.Split(strings.TrimSuffix(<-text, "\n"), "\n")
	kept := len(got) - 2
	if kept < 1000 || kept > 4000 {
		t.Fatalf("%d lines were kept", kept)
	}
	for i, line := range got[:kept] {
		if !strings.Contains(line, fmt.Sprintf(`"message":"line %d"`, i)) {
			t.Fatalf("line %d is %s", i, line)
		}
	}
	if want := fmt.Sprintf(`"message":"lines of the log were lost: they were not read in time","lines":%d}`, lines-kept); !strings.HasSuffix(got[kept], want) {
		t.Errorf("got %s, want %s", got[kept], want)
	}
	if !strings.HasSuffix(got[kept+1], `"message":"the last"}`) {
		t.Errorf("the last line is %s", got[kept+1])
	}
}

// The reader of the log has gone for good: the lines are lost, and nothing else is.
func TestALogWithoutAReaderHurtsNobody(t *testing.T) {
	reads, writes, err := os.Pipe()
	mustDo(t, err, reads.Close())
	defer writes.Close()
	logging := newLogging(writes, nil, config.Log{Level: "info", Format: "json"})
	began := time.Now()
	for range 1000 {
		logging.logger().Info("a line")
	}
	mustDo(t, logging.logger().Sync(), logging.sink.out.(*os.File).Close())
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("1,000 lines took %v", took)
	}
}

// What cannot block is written before the caller goes on, line by line, whoever else writes.
func TestLinesToMemoryAreWrittenAtOnce(t *testing.T) {
	var out bytes.Buffer
	log := newLogging(&out, nil, config.Log{Level: "info", Format: "json"}).logger()
	for i := range 1000 {
		log.Info("a line")
		if got := bytes.Count(out.Bytes(), []byte("\n")); got != i+1 {
			t.Fatalf("%d lines after %d", got, i+1)
		}
	}
}
