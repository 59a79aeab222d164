package access

import (
	"sync/atomic"
	"time"
)

// latencyBounds are the upper bounds of a Latency's buckets, each in its bucket: a kept identity takes microseconds, a
// signature tens of them, and only who waits for a key takes longer than some milliseconds.
var latencyBounds = [...]time.Duration{
	5 * time.Microsecond, 10 * time.Microsecond, 25 * time.Microsecond, 50 * time.Microsecond, 100 * time.Microsecond,
	250 * time.Microsecond, 500 * time.Microsecond, time.Millisecond, 5 * time.Millisecond, 25 * time.Millisecond,
	100 * time.Millisecond, time.Second,
}

// Latency tells how long decisions took, as a histogram.
type Latency struct {
	Buckets []Bucket `json:"buckets"` // in rising order; what took longer than the last is in Count alone
	Count   uint64   `json:"count"`
	Seconds float64  `json:"seconds"` // all together
}

// Bucket counts decisions.
type Bucket struct {
	Seconds float64 `json:"seconds"` // upper bound
	Count   uint64  `json:"count"`   // decisions that took at most that long: the faster ones too
}

// latency is the counter behind a Latency.
type latency struct {
	buckets [len(latencyBounds) + 1]atomic.Uint64
	nanos   atomic.Int64
}

func (l *latency) observe(took time.Duration) {
	i := 0
	for i < len(latencyBounds) && took > latencyBounds[i] {
		i++
	}
	l.buckets[i].Add(1)
	l.nanos.Add(int64(took))
}

func (l *latency) read() Latency {
	read := Latency{Seconds: time.Duration(l.nanos.Load()).Seconds()}
	for i, bound := range latencyBounds {
		read.Count += l.buckets[i].Load()
		read.Buckets = append(read.Buckets, Bucket{Seconds: bound.Seconds(), Count: read.Count})
	}
	read.Count += l.buckets[len(latencyBounds)].Load()
	return read
}
