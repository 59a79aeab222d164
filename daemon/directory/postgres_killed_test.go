package directory

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// FAULTS 142 for PostgreSQL: the daemon is killed at random moments; the server goes on, and what it was told is whole.
func TestAKilledDaemonLosesNoChangeInPostgreSQL(t *testing.T) {
	t.Parallel()
	database := sharedPostgres(t).database(t)
	loadAll(t, database.store())
	kills := 6
	if *long {
		kills = longKills
	}
	work := victimWork{URL: database.url()}
	acknowledged := map[uint64]string{}
	for i := range kills {
		work.Seed = uint64(i)
		for _, line := range killOne(t, work, rand.IntN(15), time.Duration(rand.IntN(30))*time.Millisecond) {
			var sequence uint64
			if _, err := fmt.Sscan(line, &sequence); err != nil {
				t.Fatalf("a victim said %q", line)
			}
			acknowledged[sequence] = line
		}
		// What the server had taken by then it may still be doing.
		eventually(t, "the end of the victim's connections", func() bool {
			return database.number(`select count(*) from pg_stat_activity where datname = current_database()
				and usename = current_database() and state <> 'idle'`) == 0
		})
		wantAcknowledged(t, work, acknowledged)
		if t.Failed() {
			t.Fatalf("after kill %d", i+1)
		}
	}
	t.Logf("%d kills, %d acknowledged changes", kills, len(acknowledged))
	if len(acknowledged) < kills {
		t.Errorf("%d changes were acknowledged in %d runs: too few to show anything", len(acknowledged), kills)
	}
}
