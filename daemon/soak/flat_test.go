package soak

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"
)

// drift watches what a process takes while the same load goes on.
type drift struct {
	daemon  *daemonProcess
	every   time.Duration
	samples []facts
}

// What the process may take more at the end than after it has warmed up, as medians of the last and of the second
// quarter of all samples. A leak of one goroutine or descriptor in a hundred saves, or of 1.3 KB in one, is more than
// that in 10,000 saves.
const (
	moreMemory      = 6 << 20 // bytes resident: the garbage collector's swing
	moreDescriptors = 8       // a fetch of keys that hangs, an administrator's question
	moreGoroutines  = 16      // the same; a connection takes two
)

// run samples until ctx ends.
func (f *drift) run(ctx context.Context) {
	for sleep(ctx, f.every) {
		now, err := processFacts(f.daemon.pid)
		if err != nil {
			f.daemon.t.Error(err)
			return
		}
		status, err := f.daemon.admin.Status(ctx)
		if err != nil {
			if ctx.Err() == nil {
				f.daemon.t.Error(err)
			}
			return
		}
		now.goroutines = status.Process.Goroutines
		f.samples = append(f.samples, now)
	}
}

// typical gives the medians of some samples.
func typical(samples []facts) facts {
	median := func(of func(facts) int64) int64 {
		values := make([]int64, len(samples))
		for i, s := range samples {
			values[i] = of(s)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	last := samples[len(samples)-1]
	return facts{
		resident:    median(func(f facts) int64 { return f.resident }),
		descriptors: int(median(func(f facts) int64 { return int64(f.descriptors) })),
		goroutines:  int(median(func(f facts) int64 { return int64(f.goroutines) })),
		peak:        last.peak, cpu: last.cpu,
	}
}

// wantFlat fails where the process took more in the end than after it had warmed up, and tells both.
func (f *drift) wantFlat(t *testing.T) string {
	t.Helper()
	n := len(f.samples)
	if n < 8 {
		t.Fatalf("%d samples, want 8 or more", n)
	}
	warm, end := typical(f.samples[n/4:n/2]), typical(f.samples[n-n/4:])
	story := fmt.Sprintf("second quarter  %v\nlast quarter    %v", warm, end)
	if end.resident > warm.resident+moreMemory || end.descriptors > warm.descriptors+moreDescriptors || end.goroutines > warm.goroutines+moreGoroutines {
		t.Errorf("what the process takes grows by more than %d MiB, %d descriptors or %d goroutines:\n%s",
			moreMemory>>20, moreDescriptors, moreGoroutines, story)
	}
	return story
}
