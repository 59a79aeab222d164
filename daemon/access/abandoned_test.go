package access

import (
	"testing"

	"github.com/claimd/claimd/daemon/config"
	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/mapping"
)

// While all turns of the signature check were taken, an administrator's question whose connection ended was explained as
// "allowed" by a sentence about an identity that nobody had mapped, and the answer broke with a nil pointer.
func TestAnExplanationThatWasGivenUpAllowsNothing(t *testing.T) {
	j := &judgement{
		snapshot: &Snapshot{config: &config.Config{}}, trace: &reason.Trace{}, values: &mapping.Trace{}, abandoned: true,
	}
	e := j.explanation()
	if e.Allowed || e.Reason != reason.None || e.Sentence != "not judged: given up before the token's turn came." {
		t.Errorf("allowed %v, reason %q, sentence %q", e.Allowed, e.Reason, e.Sentence)
	}
}
