package soak

import (
	"fmt"
	"math/bits"
	"time"
)

// latencies counts durations in buckets of less than 1.6 % width, so that any number of them takes 20 KiB. The zero
// value is empty. It belongs to one goroutine.
type latencies struct {
	buckets [40 * 64]uint64
	count   uint64
	longest time.Duration
}

// bucket and lowest are each other's inverse: 64 steps for each power of two, from 1 ns to 18 minutes and beyond.
func bucket(d time.Duration) int {
	n := uint64(max(d, 0))
	if n < 64 {
		return int(n)
	}
	shift := bits.Len64(n) - 7
	return min(shift*64+int(n>>shift), 40*64-1)
}

func lowest(bucket int) time.Duration {
	if bucket < 128 {
		return time.Duration(bucket)
	}
	shift := bucket/64 - 1
	return time.Duration(bucket-shift*64) << shift
}

func (l *latencies) add(d time.Duration) {
	l.buckets[bucket(d)]++
	l.count++
	l.longest = max(l.longest, d)
}

func (l *latencies) merge(other *latencies) {
	for i, n := range other.buckets {
		l.buckets[i] += n
	}
	l.count += other.count
	l.longest = max(l.longest, other.longest)
}

// at gives the duration that the share (0.5 = the median) of all did not exceed, rounded up to its bucket's end; 0
// where nothing was added.
func (l *latencies) at(share float64) time.Duration {
	wanted := uint64(share*float64(l.count) + 0.9999999)
	var seen uint64
	for i, n := range l.buckets {
		seen += n
		if n > 0 && seen >= wanted {
			return min(lowest(i+1), l.longest)
		}
	}
	return l.longest
}

func (l *latencies) String() string {
	round := func(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
	return fmt.Sprintf("p50 %v, p99 %v, max %v", round(l.at(0.5)), round(l.at(0.99)), round(l.longest))
}
