package opaque

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// The bound on what is kept is one in bytes, so the weights must not be less than what the heap really holds.
func TestWhatIsKeptTakesNoMoreThanItsWeight(t *testing.T) {
	const count = 5000
	s := newSite(t, Introspection, nil)
	text := active[:len(active)-1] + `,"groups":["` + strings.Repeat("Analysts", 30) + `"]}`
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for i := range count {
		answer, err := s.readAnswer([]byte(text), s.now())
		if err != nil {
			t.Fatal(err)
		}
		s.Asker.answers.keep(keyOf("", fmt.Sprint(i)), answer, answer.weight())
	}
	took := heap() - before
	weight := uint64(s.Stats().AnswerBytes)
	if took > weight {
		t.Errorf("%d answers take %d bytes, more than their weight of %d", count, took, weight)
	}
	t.Logf("an answer of %d bytes takes %d and weighs %d", len(text), took/count, weight/count)
	before = heap()
	for i := range count {
		s.refusals.keep(keyOf("r", fmt.Sprint(i)), &keptRefusal{refused: refusedAs(1, "x"), since: s.now()}, refusalWeight)
	}
	if took := heap() - before; took > count*refusalWeight {
		t.Errorf("%d refusals take %d bytes each, more than their weight of %d", count, took/count, refusalWeight)
	} else {
		t.Logf("a refusal takes %d and weighs %d", took/count, refusalWeight)
	}
	runtime.KeepAlive(s)
}
