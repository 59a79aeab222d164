package soak

import (
	"testing"
	"time"
)

// A rig that measured wrongly would let everything pass.
func TestTheRigRunsClaimdAndMeasures(t *testing.T) {
	r := newRig(t)
	r.write(r.toml())
	d := r.start()
	ada := r.token("ada", nil)
	result := load{
		address: d.address, connections: 2, rate: 200,
		next: func(_, number int) []byte {
			if number%2 == 1 {
				return get("/auth")
			}
			return get("/auth", bearer(ada))
		},
	}.run(300 * time.Millisecond)
	if result.failed > 0 || result.statuses[200] < 5 || result.statuses[401] < 5 || result.latencies.at(0.5) <= 0 {
		t.Errorf("%v %q", result, result.problems)
	}
	f := d.facts()
	if f.resident < 1<<20 || f.peak < f.resident || f.descriptors < 5 || f.goroutines < 5 || f.cpu <= 0 {
		t.Errorf("facts: %v", f)
	}
	t.Log(result, "\n", f)
}

func TestTheRigsTenantCanBeAProcessOfItsOwn(t *testing.T) {
	r := newRigApart(t)
	r.write(r.toml())
	d := r.start()
	a, err := askOnce(d.address, get("/auth", bearer(r.token("ada", nil))))
	if err != nil || a.status != 200 || a.get("remote-user") != adaID {
		t.Errorf("%v %+v", err, a)
	}
	d.kill()
	if a, err := askOnce(d.address, get("/livez")); err == nil {
		t.Errorf("a killed claimd answers %d", a.status)
	}
}

func TestLatenciesAreCountedToTwoPerCent(t *testing.T) {
	var l latencies
	for i := range 100_000 {
		l.add(time.Duration(i+1) * 10 * time.Microsecond)
	}
	for share, want := range map[float64]time.Duration{0.5: 500 * time.Millisecond, 0.99: 990 * time.Millisecond, 1: time.Second} {
		if got := l.at(share); got < want || got > want+want/50 {
			t.Errorf("at %v: %v, want %v", share, got, want)
		}
	}
	for i := range len(l.buckets) - 1 {
		if bucket(lowest(i)) != i || bucket(lowest(i+1)-1) != i {
			t.Fatalf("bucket %d begins at %v, which is of bucket %d", i, lowest(i), bucket(lowest(i)))
		}
	}
}
