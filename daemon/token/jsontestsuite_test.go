package token

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/daemon/vectors"
	"github.com/claimd/claimd/mapping"
)

// intakes are the reasons that a JSON text meets as the value of a member: of the header, of a payload that nobody has
// signed, and of one that the tenant has signed. The first two are read where the signature is what refuses them.
type intakes struct{ header, scan, full reason.Reason }

func (i intakes) String() string { return fmt.Sprintf("%s, %s, %s", i.header, i.scan, i.full) }

var (
	readByAll     = intakes{reason.Signature, reason.Signature, reason.None}
	readByNone    = intakes{reason.Malformed, reason.Malformed, reason.Malformed}
	deepForHeader = intakes{reason.Malformed, reason.Signature, reason.None}
	duplicate     = intakes{reason.Malformed, reason.Signature, reason.Malformed} // the scan tells those of its four claims alone
)

// ruling is what claimd makes of a text, and why.
type ruling struct {
	want intakes
	why  string
}

const (
	bigNumber    = "RFC 8259 section 6 sets no range, and a number that no rule reads harms nobody; times have a range of their own"
	longNumber   = "a number of more than 64 characters (faults 56)"
	badUTF8      = "not UTF-8: two names could become one (faults 55)"
	loneHalf     = "half a surrogate pair is no character: two names could become one (faults 55)"
	utf16Text    = "UTF-16 (faults 54)"
	twice        = "a member twice (faults 51)"
	nested       = "a header nests two levels deep at most (faults 17)"
	plain        = "an ordinary text"
	distinctKeys = "names are bytes: two normal forms are two names"
)

// y_ texts that claimd refuses all the same.
var refusedJSON = map[string]ruling{
	"y_array_arraysWithSpaces.json":          {deepForHeader, nested},
	"y_array_heterogeneous.json":             {deepForHeader, nested},
	"y_object_long_strings.json":             {deepForHeader, nested},
	"y_object_simple.json":                   {deepForHeader, nested},
	"y_number_double_close_to_zero.json":     {readByNone, longNumber},
	"y_object_duplicated_key.json":           {duplicate, twice},
	"y_object_duplicated_key_and_value.json": {duplicate, twice},
}

// i_ texts, which a parser may take or not, and those of test_transform, which parsers read differently.
var ownRulings = map[string]ruling{
	"i_number_double_huge_neg_exp.json":                   {readByAll, bigNumber},
	"i_number_huge_exp.json":                              {readByNone, longNumber},
	"i_number_neg_int_huge_exp.json":                      {readByAll, bigNumber},
	"i_number_pos_double_huge_exp.json":                   {readByAll, bigNumber},
	"i_number_real_neg_overflow.json":                     {readByAll, bigNumber},
	"i_number_real_pos_overflow.json":                     {readByAll, bigNumber},
	"i_number_real_underflow.json":                        {readByAll, bigNumber},
	"i_number_too_big_neg_int.json":                       {readByAll, bigNumber},
	"i_number_too_big_pos_int.json":                       {readByAll, bigNumber},
	"i_number_very_big_negative_int.json":                 {readByAll, bigNumber},
	"i_object_key_lone_2nd_surrogate.json":                {readByNone, loneHalf},
	"i_string_1st_surrogate_but_2nd_missing.json":         {readByNone, loneHalf},
	"i_string_1st_valid_surrogate_2nd_invalid.json":       {readByNone, loneHalf},
	"i_string_UTF-16LE_with_BOM.json":                     {readByNone, utf16Text},
	"i_string_UTF-8_invalid_sequence.json":                {readByNone, badUTF8},
	"i_string_UTF8_surrogate_U+D800.json":                 {readByNone, badUTF8},
	"i_string_incomplete_surrogate_and_escape_valid.json": {readByNone, loneHalf},
	"i_string_incomplete_surrogate_pair.json":             {readByNone, loneHalf},
	"i_string_incomplete_surrogates_escape_valid.json":    {readByNone, loneHalf},
	"i_string_invalid_lonely_surrogate.json":              {readByNone, loneHalf},
	"i_string_invalid_surrogate.json":                     {readByNone, loneHalf},
	"i_string_invalid_utf-8.json":                         {readByNone, badUTF8},
	"i_string_inverted_surrogates_U+1D11E.json":           {readByNone, loneHalf},
	"i_string_iso_latin_1.json":                           {readByNone, badUTF8},
	"i_string_lone_second_surrogate.json":                 {readByNone, loneHalf},
	"i_string_lone_utf8_continuation_byte.json":           {readByNone, badUTF8},
	"i_string_not_in_unicode_range.json":                  {readByNone, badUTF8},
	"i_string_overlong_sequence_2_bytes.json":             {readByNone, badUTF8},
	"i_string_overlong_sequence_6_bytes.json":             {readByNone, badUTF8},
	"i_string_overlong_sequence_6_bytes_null.json":        {readByNone, badUTF8},
	"i_string_truncated-utf-8.json":                       {readByNone, badUTF8},
	"i_string_utf16BE_no_BOM.json":                        {readByNone, utf16Text},
	"i_string_utf16LE_no_BOM.json":                        {readByNone, utf16Text},
	"i_structure_500_nested_arrays.json":                  {readByNone, "more than 64 levels (faults 56)"},
	"i_structure_UTF-8_BOM_empty_object.json":             {readByNone, "a byte order mark (faults 54)"},

	"number_-9223372036854775808.json":         {readByAll, bigNumber},
	"number_-9223372036854775809.json":         {readByAll, bigNumber},
	"number_1.0.json":                          {readByAll, plain},
	"number_1.000000000000000005.json":         {readByAll, plain},
	"number_1000000000000000.json":             {readByAll, plain},
	"number_10000000000000000999.json":         {readByAll, bigNumber},
	"number_1e-999.json":                       {readByAll, bigNumber},
	"number_1e6.json":                          {readByAll, plain},
	"number_9223372036854775807.json":          {readByAll, bigNumber},
	"number_9223372036854775808.json":          {readByAll, bigNumber},
	"object_key_nfc_nfd.json":                  {readByAll, distinctKeys},
	"object_key_nfd_nfc.json":                  {readByAll, distinctKeys},
	"object_same_key_different_values.json":    {duplicate, twice},
	"object_same_key_same_value.json":          {duplicate, twice},
	"object_same_key_unclear_values.json":      {duplicate, twice},
	"string_1_escaped_invalid_codepoint.json":  {readByNone, loneHalf},
	"string_1_invalid_codepoint.json":          {readByNone, badUTF8},
	"string_2_escaped_invalid_codepoints.json": {readByNone, loneHalf},
	"string_2_invalid_codepoints.json":         {readByNone, badUTF8},
	"string_3_escaped_invalid_codepoints.json": {readByNone, loneHalf},
	"string_3_invalid_codepoints.json":         {readByNone, badUTF8},
	"string_with_escaped_NULL.json":            {readByAll, "NUL is a character like others; values are compared whole"},
}

// rulingOf gives what claimd makes of the text of that name.
func rulingOf(name string) (r ruling, known bool) {
	if r, ok := ownRulings[name]; ok {
		return r, true
	}
	if r, ok := refusedJSON[name]; ok {
		return r, true
	}
	switch name[:2] {
	case "y_":
		return ruling{want: readByAll}, true
	case "n_": // two of them, of 100 and 250 kB, for their size alone
		return ruling{want: readByNone}, true
	}
	return ruling{}, false
}

// eachJSON gives every text of the suite, and checks that all are there.
func eachJSON(t *testing.T, visit func(name, text string)) {
	t.Helper()
	found := map[string]int{}
	for _, folder := range []string{"test_parsing", "test_transform"} {
		dir := filepath.Join(vectors.Dir(t), "jsontestsuite", folder)
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
			if err != nil {
				t.Fatal(err)
			}
			kind := folder
			if folder == "test_parsing" {
				kind = entry.Name()[:2]
			}
			found[kind]++
			visit(entry.Name(), string(text))
		}
	}
	if found["y_"] != 95 || found["n_"] != 188 || found["i_"] != 35 || found["test_transform"] != 22 {
		t.Errorf("want 95 y_, 188 n_, 35 i_ and 22 to transform, got %v", found)
	}
}

// signedFast signs with ES256, which costs a tenth of RS256.
func signedFast(payload string) string {
	signed, r, s := contoso.signES(`{"typ":"JWT","alg":"ES256","kid":"ec"}`, payload)
	return join(signed, append(r, s...))
}

func TestEveryIntakeRulesOnJSONTestSuiteAlike(t *testing.T) {
	v := contoso.verifier(func(p *Provider) { p.Algorithms = everyAlgorithm })
	good := signedFast(contoso.userClaims(nil).json())
	_, unchanged, _ := strings.Cut(good, ".")
	verdicts := map[intakes]int{}
	eachJSON(t, func(name, text string) {
		r, known := rulingOf(name)
		if !known {
			t.Errorf("%s: no ruling", name)
			return
		}
		header := encode(`{"typ":"JWT","alg":"ES256","kid":"ec","x":`+text+"}") + "." + unchanged
		signed := signedFast(`{"x":` + text + "," + contoso.userClaims(nil).json()[1:])
		got := intakes{v.verify(t, header).Reason, v.verify(t, swapSignature(signed, good)).Reason, v.verify(t, signed).Reason}
		if got != r.want {
			t.Errorf("%s (%s): want %v, got %v", name, r.why, r.want, got)
		}
		verdicts[got]++
	})
	want := map[intakes]int{readByAll: 110, readByNone: 221, deepForHeader: 4, duplicate: 5} // 340 in all
	if !maps.Equal(verdicts, want) {
		t.Errorf("want %v, got %v", want, verdicts)
	}
}

// As the whole payload an object is read and found to name no issuer; anything else is malformed.
func TestAPayloadOfJSONTestSuiteIsReadWhereItIsAnObject(t *testing.T) {
	v, parts := contoso.verifier(nil), strings.Split(contoso.user(nil), ".")
	objects := 0
	eachJSON(t, func(name, text string) {
		r, _ := rulingOf(name)
		want := reason.Malformed
		if strings.HasPrefix(text, "{") && r.want.scan == reason.Signature {
			want = reason.Issuer
			objects++
		}
		if got := v.verify(t, parts[0]+"."+encode(text)+"."+parts[2]).Reason; got != want {
			t.Errorf("%s: want %q, got %q", name, want, got)
		}
	})
	if objects != 17 {
		t.Errorf("want 17 objects, got %d", objects)
	}
}

// What a reader changes on the way (a normal form, a NUL, a number cut to 64 bits) could make one value another.
func TestWhatIsReadOfJSONTestSuiteIsUnchanged(t *testing.T) {
	v := contoso.verifier(nil)
	all := map[string]string{}
	eachJSON(t, func(name, text string) { all[name] = text })
	const nfc, nfd = "\u00e9", "e\u0301"
	for _, row := range []struct {
		file, claim string
		want        mapping.Value
	}{
		{"object_key_nfc_nfd.json", "/x/" + nfc, mapping.Value{Kind: mapping.String, Text: "NFC"}},
		{"object_key_nfc_nfd.json", "/x/" + nfd, mapping.Value{Kind: mapping.String, Text: "NFD"}},
		{"object_key_nfd_nfc.json", "/x/" + nfc, mapping.Value{Kind: mapping.String, Text: "NFC"}},
		{"object_key_nfd_nfc.json", "/x/" + nfd, mapping.Value{Kind: mapping.String, Text: "NFD"}},
		{"string_with_escaped_NULL.json", "x", mapping.Value{Kind: mapping.Strings, List: []string{"A\x00B"}}},
		{"y_string_nonCharacterInUTF-8_U+FFFF.json", "x", mapping.Value{Kind: mapping.Strings, List: []string{"\uffff"}}},
		{"y_string_accepted_surrogate_pair.json", "x", mapping.Value{Kind: mapping.Strings, List: []string{"\U00010437"}}},
		{"y_object_escaped_null_in_key.json", "/x/foo\x00bar", mapping.Value{Kind: mapping.Other}},
		{"y_object_escaped_null_in_key.json", "/x/foo", mapping.Value{}},
		{"number_10000000000000000999.json", "x", mapping.Value{Kind: mapping.Other}},
	} {
		verdict := v.verify(t, contoso.raw(`"x":`+all[row.file], nil))
		if verdict.Reason != reason.None || all[row.file] == "" {
			t.Errorf("%s: want it read, got %q", row.file, verdict.Reason)
			continue
		}
		got := verdict.Claims.Value(row.claim)
		if got.Kind != row.want.Kind || got.Text != row.want.Text || !slices.Equal(got.List, row.want.List) {
			t.Errorf("%s: %q: want %+v, got %+v", row.file, row.claim, row.want, got)
		}
	}
}
