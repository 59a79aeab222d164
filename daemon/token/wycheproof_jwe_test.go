package token

import (
	"maps"
	"slices"
	"testing"

	"github.com/claimd/claimd/daemon/reason"
)

// No token is ever decrypted (faults 4). Where the header is missing with its dot, or the whole is the JSON
// serialization, what is left is no JWT of any form.
func TestEveryEncryptedTokenOfWycheproofIsRefusedByItsForm(t *testing.T) {
	otherForms := map[string][]int{
		"json_web_encryption_test.json": {21, 22, 50},
		"json_web_crypto_test.json":     {65, 66, 82},
	}
	for file, want := range map[string]map[reason.Reason]int{
		"json_web_encryption_test.json": {reason.Malformed: 136, reason.OpaqueToken: 3}, // 139 in all
		"json_web_crypto_test.json":     {reason.Malformed: 31, reason.OpaqueToken: 3},
	} {
		refused := map[reason.Reason]int{}
		for _, g := range readVectors(t, file, func(g joseGroup) int { return len(g.Tests) }) {
			for _, v := range g.Tests {
				if v.JWE == nil {
					continue
				}
				_, why, _ := splitCompact(v.raw())
				if opaque := slices.Contains(otherForms[file], v.TcID); opaque != (why == reason.OpaqueToken) {
					t.Errorf("%s %d %s: want it opaque: %v, got %q", file, v.TcID, v.Comment, opaque, why)
				}
				refused[why]++
			}
		}
		if !maps.Equal(refused, want) {
			t.Errorf("%s: want %v refused, got %v", file, want, refused)
		}
	}
}

// The mixed file has signatures beside encryption: of its 83 vectors the two with a signature of a known algorithm are
// accepted.
func TestTheMixedFileOfWycheproof(t *testing.T) {
	verdicts := map[reason.Reason]int{}
	for _, o := range judge(t, startPublisher(t), "json_web_crypto_test.json") {
		verdicts[o.why]++
		if accepted := o.TcID == 18 || o.TcID == 33; accepted != (o.why == reason.None) || accepted && o.Result != "valid" {
			t.Errorf("%d %s, which is %s: want it accepted: %v, got %q", o.TcID, o.Comment, o.Result, accepted, o.why)
		}
	}
	want := map[reason.Reason]int{
		reason.None: 2, reason.Malformed: 56, reason.OpaqueToken: 10, reason.Algorithm: 8, reason.Key: 3, reason.Signature: 4,
	}
	if !maps.Equal(verdicts, want) {
		t.Errorf("want %v, got %v", want, verdicts)
	}
}
