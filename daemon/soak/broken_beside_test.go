package soak

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/claimd/claimd/daemon/admin"
)

// Issue "All of Entra": each provider broken in turn under load. Four providers stand beside each other behind one
// claimd, each under a load of valid, forged, expired and foreign tokens whose answers are known. One of them breaks in
// one way after the other. The other three notice nothing: every answer is the right one to the letter, and none waits.
// What is asked of the broken one itself gets the right answer too, by the keys and answers that are kept, or the right
// 503: never a 200 that is not due, and never the answer to somebody without groups. Once it is mended, it is whole again.
func TestWhateverBreaksAtOneProviderTheOthersDoNotNotice(t *testing.T) {
	stands := []struct {
		name string
		run  func(*testing.T) sidesTally
	}{
		{"Graph and introspection", questionsBreak},
		{"documents", documentsBreak},
		{"keys rotate, and strangers come", orderBreaks},
	}
	tallies := make([]sidesTally, len(stands))
	t.Run("at once", func(t *testing.T) {
		for i, stand := range stands {
			t.Run(stand.name, func(t *testing.T) {
				t.Parallel() // each has a claimd and providers of its own, and waits most of its time
				tallies[i] = stand.run(t)
			})
		}
	})
	var all sidesTally
	for _, tally := range tallies {
		all.add(tally)
	}
	t.Logf("%d requests, %d times a provider was broken, wrong 200s: %d, slowest while another was broken: %v\n%s\n%s",
		all.asked, all.ways, all.wrong200, all.slowest, sidesHead, strings.Join(all.rows, "\n"))
}

// sidesTally is what came of one claimd and its providers.
type sidesTally struct {
	rows     []string // of the table
	asked    int
	ways     int
	wrong200 int64
	slowest  time.Duration // while another provider was broken
}

func (t *sidesTally) add(other sidesTally) {
	t.rows = append(t.rows, other.rows...)
	t.asked += other.asked
	t.ways += other.ways
	t.wrong200 += other.wrong200
	t.slowest = max(t.slowest, other.slowest)
}

// documentsBreak breaks all of fabrikam and of partner, and their documents, in turn and in every way. In the long form
// contoso and jumpcloud, which are of the same kinds, break in every way too.
func documentsBreak(t *testing.T) sidesTally {
	s := newSeveral(t)
	s.inTurn(everyWay, s.fabrikam, s.partner)
	if long() > 0 {
		s.inTurn(everyWay, s.contoso, s.jumpcloud)
	}
	return s.finish()
}

const (
	everyWay  = 1
	someOfAll = 3 // each third
)

// inTurn breaks the documents of these providers in turn, in each so many-th way. From the first one each heals by
// itself.
func (s *several) inTurn(each int, sides ...*side) {
	s.t.Helper()
	ways := map[*side][]way{}
	most := 0
	for _, side := range sides {
		ways[side] = append(side.wholly(), side.ofDocuments()...)
		if side.place.secured != nil {
			ways[side] = append(ways[side], side.ofTLS(s.t)...)
		}
		most = max(most, len(ways[side]))
	}
	for turn := 0; turn < most; turn += each {
		for _, side := range sides {
			if turn < len(ways[side]) {
				side.during(ways[side][turn], turn == 0)
			}
		}
	}
}

// questionsBreak breaks Microsoft Graph and the introspection endpoint in turn, while the providers' documents are good.
// First Graph fails for so long that claimd leaves it alone for a while; the providers beside it break before that is
// over.
func questionsBreak(t *testing.T) sidesTally {
	s := newSeveral(t)
	graph, introspection := s.fabrikam.ofGraph(), s.partner.ofIntrospection()
	failing := answers("500 until the breaker opens", at("/v1.0/users/", says(500, "text/plain", "no")), s.fabrikam.unavailable()...)
	failing.floods = true
	s.fabrikam.breaks(failing)
	s.waitStatus("Graph's breaker is open", func(status admin.Status) bool { return status.Graphs[0].Breaker == "open" })
	s.fabrikam.mended(failing)
	for _, way := range introspection {
		s.partner.during(way, true)
	}
	s.inTurn(someOfAll, s.contoso, s.jumpcloud)
	s.fabrikam.heal(failing, true)
	for _, way := range graph {
		s.fabrikam.during(way, true)
	}
	return s.finish()
}

const sidesHead = "provider    broken  asked   refused for that  wrong 200s  slowest while others were broken  slowest of /livez"

// finish ends all loads and judges them. Twice is once.
func (s *several) finish() (all sidesTally) {
	s.t.Helper()
	if s.pace == nil {
		return all
	}
	s.pace.stop()
	s.pace = nil
	pace := s.slowestPace.is()
	within := othersWithin + 2*pace
	for _, side := range s.sides {
		result, slowest := side.finish(), side.slowest.is()
		if slowest > within {
			s.t.Errorf("%s: an answer took %v while another provider was broken, want %v at most", side.name, slowest, within)
		}
		row := fmt.Sprintf("%-10s  %6d  %5d  %17d  %10d  %32v  %17v", side.name, side.ways, result.asked, side.instead.Load(),
			side.wrong200.Load(), slowest.Round(100*time.Microsecond), pace.Round(100*time.Microsecond))
		all.add(sidesTally{[]string{row}, result.asked, side.ways, side.wrong200.Load(), slowest})
		if side.tenant != nil && side.tenant.Requests("claim source") != 0 {
			s.t.Errorf("%s: the address in a token was called", side.name)
		}
	}
	if panics := s.status().Counts.Panics; panics > 0 {
		s.t.Errorf("%d requests were answered 500", panics)
	}
	s.stop()
	return all
}
