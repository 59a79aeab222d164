package access

import (
	"testing"
	"time"
)

// A decision counts in the bucket whose bound it does not exceed, and in every slower one.
func TestALatencyCountsEachDecisionOnce(t *testing.T) {
	var l latency
	for _, took := range []time.Duration{0, 5 * time.Microsecond, 5*time.Microsecond + 1, time.Second, time.Second + 1, time.Hour} {
		l.observe(took)
	}
	read := l.read()
	if read.Count != 6 || len(read.Buckets) != len(latencyBounds) {
		t.Fatalf("%+v", read)
	}
	for bucket, want := range map[int]uint64{0: 2, 1: 3, len(latencyBounds) - 2: 3, len(latencyBounds) - 1: 4} {
		if got := read.Buckets[bucket]; got.Count != want || got.Seconds != latencyBounds[bucket].Seconds() {
			t.Errorf("bucket %d: %+v, want %d", bucket, got, want)
		}
	}
	if want := (time.Hour + 2*time.Second + 10*time.Microsecond + 2).Seconds(); read.Seconds != want {
		t.Errorf("%v s, want %v", read.Seconds, want)
	}
}
