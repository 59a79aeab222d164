package token

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/daemon/keys"
	"github.com/claimd/claimd/daemon/reason"
)

// joseGroup are the vectors of one key or key set of Wycheproof. Keys of HMAC and of encryption are there as Private
// alone.
type joseGroup struct {
	Comment         string
	Public, Private json.RawMessage
	Tests           []joseVector
}

type joseVector struct {
	TcID    int
	Comment string
	JWS     json.RawMessage // one of the two; the JSON serialization in some
	JWE     json.RawMessage
	Result  string
}

// raw is the vector as it would come after "Bearer ".
func (v joseVector) raw() string {
	text := v.JWS
	if text == nil {
		text = v.JWE
	}
	var compact string
	if err := json.Unmarshal(text, &compact); err != nil {
		return string(text)
	}
	return compact
}

// algorithm is that of the header, however faulty all else is; "" = none can be read.
func (v joseVector) algorithm() string {
	c, _, _ := splitCompact(v.raw())
	h, _ := parseHeader(c.header)
	return h.algorithm
}

// outcome is what became of one vector.
type outcome struct {
	file  string
	group string
	joseVector
	key keys.Key // zero where the header names none that may be used
	why reason.Reason
}

// judge publishes the key set of each group of the file and gives what becomes of each of its vectors at the signature
// layer under the key that the vector's header names, found as every key is.
func judge(t *testing.T, p *publisher, file string) (outcomes []outcome) {
	t.Helper()
	for _, g := range readVectors(t, file, func(g joseGroup) int { return len(g.Tests) }) {
		set := g.Public
		if set == nil {
			set = g.Private
		}
		provider, _ := p.publish(t, set) // a set that is refused has no key to find
		for _, v := range g.Tests {
			o := outcome{file: file, group: g.Comment, joseVector: v}
			if c, why, _ := splitCompact(v.raw()); why == reason.None {
				if h, problem := parseHeader(c.header); problem == "" {
					o.key, _ = provider.Lookup(t.Context(), entra.V2, h.keyID) // a key not found fits nothing
				}
			}
			_, o.why = verifySigned(everyAlgorithm, o.key, v.raw())
			outcomes = append(outcomes, o)
		}
	}
	return outcomes
}

// want holds the outcome against what was to become of the vector.
func (o outcome) want(t *testing.T, want reason.Reason) {
	t.Helper()
	if o.why != want {
		t.Errorf("%s %d %s, which is %s: want %q, got %q", o.file, o.TcID, o.Comment, o.Result, want, o.why)
	}
}

const signatureFile, keyFile = "json_web_signature_test.json", "json_web_key_test.json"

// negatives is the reason that refuses the negatives of each group, but for those of otherwise.
var negatives = map[string]reason.Reason{
	"hs256":                   reason.Algorithm,
	"es256":                   reason.Signature,
	"rs256":                   reason.Signature,
	"ps256":                   reason.Signature, // the 6 other lengths of the salt among them
	"ps384":                   reason.Algorithm,
	"ps512":                   reason.Algorithm,
	"rsa_encryption":          reason.Key, // use=enc, key_ops without verify
	"ec_key_for_encryption":   reason.Key,
	"base64":                  reason.Malformed,
	"SpecialCaseEs256":        reason.Signature, // r and s zero, one, the order, too long ...
	"jws_mixedSymmetryKeyset": reason.Algorithm,
	"jws_keyset":              reason.Algorithm,
	"jws_duplicate_kid":       reason.Algorithm,
	"jws_rsa_roca_key":        reason.Key,
	"keysize_too_small":       reason.Malformed, // its payload is empty; the tests of keys show that the key is refused too
	"exponentOne":             reason.Malformed, // the same
	"HS256":                   reason.Algorithm,
	"HS384":                   reason.Algorithm,
	"HS512":                   reason.Algorithm,
	"wrong_algorithm":         reason.Key,
	"invalid_algorithm":       reason.Key,
	"invalid_use":             reason.Key,
	"invalid_point":           reason.Key,
	"wrong_curve":             reason.Key,
	"wrong_kty":               reason.Key,
	"invalid_aes_gcm_key":     reason.Algorithm,
	"invalid_aes_kw_key":      reason.Algorithm,
}

// fate is the reason for a number of vectors of one file, and why.
type fate struct {
	vectors []int
	want    reason.Reason
	why     string
}

// otherwise are the vectors of a file that do not share the fate of their group.
var otherwise = map[string][]fate{
	signatureFile: {
		{[]int{3, 4, 6, 7, 9, 11, 13, 14, 15, 16}, reason.Malformed, "a part is missing, empty or too many"},
		{[]int{20, 21, 23, 24, 26, 28, 30}, reason.Malformed, "a part is missing or empty"},
		{[]int{35, 36, 38, 39, 41, 43, 45}, reason.Malformed, "a part is missing or empty"},
		{[]int{10, 12, 27, 29, 42, 44}, reason.OpaqueToken, "the header is missing with its dot: what is left has no JWT form"},
		{[]int{17}, reason.OpaqueToken, "the JSON serialization has no JWT form"},
		{[]int{31}, reason.Algorithm, "HMAC with the EC key as the secret"},
		{[]int{32}, reason.Malformed, "the header brings its own key"},
		{[]int{25, 40}, reason.Key, "the changed header names another key"},
		{[]int{332, 338}, reason.Key, "RS256 and PS256 under a key for PS512"},
		{[]int{341, 342, 343, 344}, reason.Malformed, "none comes without a signature"},
	},
	keyFile: {
		{[]int{6}, reason.Key, "the key is for encryption"},
	},
}

// emptyPayloads are sound positives that claimd refuses on purpose: a token without a payload has no claims, so its
// form is refused before any key is looked for.
var emptyPayloads = []int{259, 264, 268, 272, 320, 325}

// defective are the vectors of the file of signatures whose verdict is not sound, and the reason that they meet.
var defective = []fate{
	{[]int{346, 350}, reason.Algorithm, "marked valid, but the key is for PS256 and the token is signed with PS384"},
	{[]int{347, 351}, reason.Algorithm, `marked valid, but the key is for "ES521", which is no algorithm`},
	{[]int{372, 373}, reason.Malformed, "marked valid, but holds a question mark inside its base64url"},
	{[]int{367, 370}, reason.Algorithm, "marked invalid for padding, but is 357, which is marked valid, byte for byte"},
}

func fateOf(fates []fate, id int) (fate, bool) {
	i := slices.IndexFunc(fates, func(f fate) bool { return slices.Contains(f.vectors, id) })
	if i < 0 {
		return fate{}, false
	}
	return fates[i], true
}

// unsound reports whether the vector is one of the defective ones.
func (o outcome) unsound() bool {
	_, found := fateOf(defective, o.TcID)
	return found && o.file == signatureFile
}

func TestTheSignaturesAndKeysOfWycheproof(t *testing.T) {
	p := startPublisher(t)
	outcomes := slices.Concat(judge(t, p, signatureFile), judge(t, p, keyFile))
	t.Run("none of the sound negatives is accepted", func(t *testing.T) { wantNegativesRefused(t, outcomes) })
	t.Run("every sound positive of a known algorithm is accepted", func(t *testing.T) { wantPositivesAccepted(t, outcomes) })
	t.Run("the defective ones are known", func(t *testing.T) { wantDefectiveKnown(t, outcomes) })
	t.Run("none has claims", func(t *testing.T) {
		every := contoso.verifier(func(p *Provider) { p.Algorithms = everyAlgorithm })
		for _, o := range outcomes {
			if verdict := every.verify(t, o.raw()); verdict.Reason == reason.None || verdict.Claims != nil {
				t.Errorf("%s %d: want no claims, got %+v", o.file, o.TcID, verdict)
			}
		}
	})
}

// 19 of these 374 are accepted by golang-jwt and keyfunc as they come: other lengths of the salt, keys for encryption,
// weak keys, key ids that two keys share, one token in two spellings.
func wantNegativesRefused(t *testing.T, outcomes []outcome) {
	refused := map[reason.Reason]int{}
	for _, o := range outcomes {
		if o.Result != "invalid" || o.unsound() {
			continue
		}
		want, known := negatives[o.group]
		if other, ok := fateOf(otherwise[o.file], o.TcID); ok {
			want, known = other.want, true
		}
		if !known {
			t.Errorf("%s %d: no reason is named for the group %s", o.file, o.TcID, o.group)
		}
		o.want(t, want)
		refused[o.why]++
	}
	want := map[reason.Reason]int{ // 374 in all
		reason.Malformed: 43, reason.OpaqueToken: 7, reason.Algorithm: 26, reason.Key: 16, reason.Signature: 282,
	}
	if !maps.Equal(refused, want) {
		t.Errorf("want %v refused, got %v", want, refused)
	}
}

// Of the 45 sound positives 17 are of an algorithm that claimd knows. Two of these have no payload.
func wantPositivesAccepted(t *testing.T, outcomes []outcome) {
	accepted, foreign, empty := map[string]int{}, 0, 0
	entraOnly := contoso.verifier(nil)
	for _, o := range outcomes {
		switch {
		case o.Result != "valid" || o.unsound():
		case o.file == signatureFile && slices.Contains(emptyPayloads, o.TcID):
			o.want(t, reason.Malformed)
			empty++
		case !knownAlgorithm(o.algorithm()):
			o.want(t, reason.Algorithm)
			foreign++
		default:
			o.want(t, reason.None)
			accepted[o.algorithm()]++
			wantEntrasAlgorithm(t, entraOnly, o)
		}
	}
	if want := map[string]int{"RS256": 8, "PS256": 5, "ES256": 2}; !maps.Equal(accepted, want) {
		t.Errorf("want %v accepted, got %v", want, accepted)
	}
	if foreign != 24 || empty != len(emptyPayloads) {
		t.Errorf("want 24 of other algorithms and 6 empty ones, got %d and %d", foreign, empty)
	}
}

// wantEntrasAlgorithm holds that Entra's policy, RS256 alone, refuses what the verifier knows beside it.
func wantEntrasAlgorithm(t *testing.T, entraOnly *Verifier, o outcome) {
	t.Helper()
	if o.algorithm() == rs256 {
		return
	}
	if _, why := verifySigned([]string{rs256}, o.key, o.raw()); why != reason.Algorithm {
		t.Errorf("%d with RS256 alone: want algorithm, got %q", o.TcID, why)
	}
	// The vector's own header has no typ, which is refused before the algorithm.
	_, rest, _ := strings.Cut(o.raw(), ".")
	typed := encode(fmt.Sprintf(`{"typ":"JWT","alg":%q,"kid":%q}`, o.algorithm(), o.key.ID)) + "." + rest
	if verdict := entraOnly.verify(t, typed); verdict.Reason != reason.Algorithm {
		t.Errorf("%d by Entra's policy: want algorithm, got %q", o.TcID, verdict.Reason)
	}
}

func TestTheSignatureOfAnEmptyPayloadHoldsEvenSo(t *testing.T) {
	held := 0
	p := startPublisher(t)
	for _, g := range readVectors(t, signatureFile, func(g joseGroup) int { return len(g.Tests) }) {
		for _, v := range g.Tests {
			if v.TcID != 259 && v.TcID != 272 { // the others of emptyPayloads have an algorithm that nothing here knows
				continue
			}
			provider, err := p.publish(t, g.Public)
			if err != nil {
				t.Fatal(err)
			}
			header, signature, _ := strings.Cut(v.raw(), "..")
			h, problem := parseHeader(decoded(t, header))
			key, err := provider.Lookup(t.Context(), entra.V2, h.keyID)
			if problem != "" || err != nil || !keyFits(key, h.algorithm, []string{h.algorithm}) {
				t.Fatalf("%d: want a header and its key, got %q and %v", v.TcID, problem, err)
			}
			if !signatureHolds(h.algorithm, key.Public, header+".", decoded(t, signature)) {
				t.Errorf("%d: want the signature to hold", v.TcID)
			}
			held++
		}
	}
	if held != 2 {
		t.Errorf("want 2 signatures, got %d", held)
	}
}

func decoded(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := strictBase64.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// A defective vector meets a fate of its own, so that a new version of the file that mends it is noticed.
func wantDefectiveKnown(t *testing.T, outcomes []outcome) {
	texts, found := map[int]string{}, 0
	for _, o := range outcomes {
		if o.file == signatureFile {
			texts[o.TcID] = o.raw()
		}
		if o.unsound() {
			f, _ := fateOf(defective, o.TcID)
			o.want(t, f.want)
			found++
		}
	}
	if texts[367] != texts[357] || texts[370] != texts[357] || found != 8 {
		t.Errorf("want 8 vectors, 367 and 370 with the bytes of 357, got %d with others", found)
	}
}
