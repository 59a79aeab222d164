package daemon

import (
	"testing"
	"testing/synctest"
	"time"
)

// The events are told as milliseconds since the start, and so are the wanted wake-ups.
func TestDebounceWakesOnceForEachBurst(t *testing.T) {
	every := func(step, end int) (events []int) {
		for at := 0; at < end; at += step {
			events = append(events, at)
		}
		return events
	}
	tests := []struct {
		name   string
		events []int
		want   []int
	}{
		{"one event", []int{0}, []int{100}},
		{"an editor's burst", []int{0, 3, 5, 60}, []int{160}},
		{"an event at the last moment", []int{0, 99}, []int{199}},
		{"two bursts", []int{0, 10, 300, 310}, []int{110, 410}},
		{"a save every 10 ms for a second", every(10, 1000), []int{500, 1000}},
		{"a save every 99 ms", every(99, 1000), []int{500, 1090}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := wakeUps(test.events)
				if len(got) != len(test.want) {
					t.Fatalf("wake-ups at %v ms, want %v", got, test.want)
				}
				for i := range got {
					if got[i] != test.want[i] {
						t.Fatalf("wake-ups at %v ms, want %v", got, test.want)
					}
				}
			})
		})
	}
}

// wakeUps plays the events (in ms) and gives the times of the wake-ups.
func wakeUps(events []int) (wakeUps []int) {
	start := time.Now()
	d := debounce{quiet: 100 * time.Millisecond, most: 500 * time.Millisecond}
	defer d.stop()
	source := make(chan struct{})
	go func() {
		defer close(source)
		for _, at := range events {
			time.Sleep(time.Until(start.Add(time.Duration(at) * time.Millisecond)))
			source <- struct{}{}
		}
		time.Sleep(time.Second)
	}()
	for {
		select {
		case _, open := <-source:
			if !open {
				return wakeUps
			}
			d.touch()
		case <-d.C():
			d.stop()
			wakeUps = append(wakeUps, int(time.Since(start).Milliseconds()))
		}
	}
}

func TestDebounceNeverFiresUntouchedOrStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := debounce{quiet: time.Millisecond, most: time.Second}
		d.stop()
		if d.C() != nil {
			t.Error("an untouched debounce has a channel")
		}
		d.touch()
		d.stop()
		if d.C() != nil {
			t.Error("a stopped debounce has a channel")
		}
	})
}
