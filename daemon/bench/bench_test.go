package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// form is how much is measured.
type form struct {
	rounds   int
	lasting  time.Duration // of one round of tokens that were seen before
	rotating int           // tokens in rotation
	fresh    int           // tokens of one round that were never seen
}

var (
	longForm  = form{rounds: 61, lasting: 150 * time.Millisecond, rotating: 2000, fresh: 300}
	shortForm = form{rounds: 2, lasting: 20 * time.Millisecond, rotating: 20, fresh: 20}
)

// scenario is one row of the table.
type scenario struct {
	name   string
	groups int
	goal   float64 // the ratio that claimd is to reach
	// requests of one round; the round is over when they were sent once, or when its time is over.
	requests func(*testing.T, *tenant, form) [][]byte
	fresh    bool
}

func scenarios() []scenario {
	var all []scenario
	for _, s := range []struct {
		groups                          int
		repeated, rotating, neverBefore float64
	}{{5, 1.2, 1.35, 3.5}, {200, 1.4, 1.35, 3.0}} {
		groups := s.groups
		all = append(all,
			scenario{"one token repeated", groups, s.repeated, func(t *testing.T, d *tenant, _ form) [][]byte {
				return d.requests(t, groups, 1)
			}, false},
			scenario{"tokens in rotation", groups, s.rotating, func(t *testing.T, d *tenant, f form) [][]byte {
				return d.requests(t, groups, f.rotating)
			}, false},
			scenario{"a new token each time", groups, s.neverBefore, func(t *testing.T, d *tenant, f form) [][]byte {
				return d.requests(t, groups, f.fresh)
			}, true})
	}
	return all
}

func (s scenario) key() string { return fmt.Sprintf("%s, %d groups", s.name, s.groups) }

// result is what one scenario gave.
type result struct {
	scenario
	bare, claimd []cost
}

// ratios gives those of the rounds, sorted.
func (r result) ratios() []float64 {
	ratios := make([]float64, len(r.bare))
	for i := range ratios {
		ratios[i] = r.claimd[i].perRequest() / r.bare[i].perRequest()
	}
	slices.Sort(ratios)
	return ratios
}

func (r result) ratio() float64 { return median(r.ratios()) }

func median(sorted []float64) float64 { return sorted[len(sorted)/2] }

func medianOf(costs []cost, of func(cost) float64) float64 {
	values := make([]float64, len(costs))
	for i, c := range costs {
		values[i] = of(c)
	}
	slices.Sort(values)
	return median(values)
}

// TestWhatARequestCostsBesideABareHandler is `make bench`. In the short form, a part of `make test`, it shows that the
// harness works: every answer is a 200, and both servers set the same headers. The ratios of that form mean nothing.
func TestWhatARequestCostsBesideABareHandler(t *testing.T) {
	f := shortForm
	if *long {
		f = longForm
	}
	d := startTenant(t)
	claimd := startClaimd(t, d)
	if err := claimd.dial(); err != nil {
		t.Fatal(err)
	}
	bare := map[int]*server{}
	var results []result
	for _, s := range scenarios() {
		if bare[s.groups] == nil {
			bare[s.groups] = bareLike(t, claimd, d.requests(t, s.groups, 1)[0])
		}
		results = append(results, measure(t, s, f, d, bare[s.groups], claimd))
	}
	recorded := readRecorded(t)
	fmt.Print(tableOf(results, recorded))
	if !*long {
		return
	}
	if *record {
		writeRecorded(t, results)
		return
	}
	gate(t, results, recorded)
}

// bareLike starts the yardstick with the headers that claimd answers the request with, and checks that they are the
// same, but for those that differ each time.
func bareLike(t *testing.T, claimd *server, request []byte) *server {
	t.Helper()
	wanted := headersOf(t, claimd, request)
	identity := map[string]string{}
	for name, values := range wanted {
		if strings.HasPrefix(name, "Remote-") {
			identity[name] = values[0]
		}
	}
	if identity["Remote-Groups"] == "" {
		t.Fatalf("want groups in the identity, got %v", identity)
	}
	bare := startBare(t, identity)
	if err := bare.dial(); err != nil {
		t.Fatal(err)
	}
	if got := headersOf(t, bare, request); !maps.EqualFunc(wanted, got, slices.Equal[[]string]) {
		t.Fatalf("want the bare handler to set the headers of claimd:\n%v\ngot\n%v", wanted, got)
	}
	return bare
}

func headersOf(t *testing.T, s *server, request []byte) http.Header {
	t.Helper()
	c := s.open[0]
	if err := c.exchange(request); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(c.answer[:c.filled])), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	for _, differs := range []string{"Date", "X-Claimd-Decision"} {
		if answer.Header.Get(differs) == "" {
			t.Fatalf("want a header %s from %s, got %v", differs, s.name, answer.Header)
		}
		answer.Header[differs] = []string{"..."}
	}
	return answer.Header
}

// measure lets the two servers take turns, after a round of each that does not count. Rounds are short and many: what
// else the processors have to do then falls on both alike.
func measure(t *testing.T, s scenario, f form, d *tenant, bare, claimd *server) result {
	t.Helper()
	r := result{scenario: s}
	requests := s.requests(t, d, f)
	seen := map[*server]*rotation{bare: {requests: requests}, claimd: {requests: requests}}
	for round := range f.rounds + 1 {
		if s.fresh && round > 0 {
			requests = s.requests(t, d, f)
		}
		turns := []*server{bare, claimd}
		if round%2 == 1 { // whoever comes second finds the processor warm
			slices.Reverse(turns)
		}
		for _, server := range turns {
			next := once(requests)
			if !s.fresh && round > 0 {
				next = seen[server].lasting(f.lasting)
			}
			c, err := server.load(next)
			if err != nil {
				t.Fatalf("%s, %s: %v", s.key(), server.name, err)
			}
			switch {
			case round == 0:
			case server == bare:
				r.bare = append(r.bare, c)
			default:
				r.claimd = append(r.claimd, c)
			}
		}
	}
	return r
}

// tableOf words the results for people.
func tableOf(results []result, recorded map[string]float64) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "scenario\tgroups\tbare, µs/request\tclaimd, µs/request\tratio\tspread\tgoal\trecorded\tbare, requests/s\tclaimd, requests/s\t")
	for _, r := range results {
		ratios, last := r.ratios(), "-"
		if value, ok := recorded[r.key()]; ok {
			last = fmt.Sprintf("%.2f", value)
		}
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%.1f\t%.2f\t%.2f to %.2f\t%.2f\t%s\t%.0f\t%.0f\t\n", r.name, r.groups,
			medianOf(r.bare, cost.perRequest), medianOf(r.claimd, cost.perRequest),
			r.ratio(), ratios[0], ratios[len(ratios)-1], r.goal, last,
			medianOf(r.bare, cost.rate), medianOf(r.claimd, cost.rate))
	}
	w.Flush()
	return text.String() + "Processor time of the whole server process, user and system, collection of garbage included.\n"
}
