package keys

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/entra"
	"github.com/claimd/claimd/daemon/vectors"
)

// reading is what a JSON text does to what holds it as the value of a member that nothing asks for: whether a discovery
// document is read, whether a key set is read that has it beside its keys, and how many are usable of two keys, one of
// which has it.
type reading struct {
	document, set bool
	usable        int
}

var (
	readWhole   = reading{true, true, 2}
	oneKeyLost  = reading{false, false, 1} // JSON in its outline: it spoils the one key that holds it
	nothingRead = reading{false, false, 0}
)

// The i_ texts of JSONTestSuite, which a parser may take or not, those of test_transform, which parsers read
// differently, and the y_ texts that are refused all the same.
//
// Numbers of any size are read: RFC 8259 section 6 sets no range, and no member that is used is a number. So are 500
// levels: it is the provider's own document, of 1 MiB at most, and the reader ends at 10,000 levels.
var readings = map[string]reading{
	"i_number_double_huge_neg_exp.json":   readWhole,
	"i_number_huge_exp.json":              readWhole,
	"i_number_neg_int_huge_exp.json":      readWhole,
	"i_number_pos_double_huge_exp.json":   readWhole,
	"i_number_real_neg_overflow.json":     readWhole,
	"i_number_real_pos_overflow.json":     readWhole,
	"i_number_real_underflow.json":        readWhole,
	"i_number_too_big_neg_int.json":       readWhole,
	"i_number_too_big_pos_int.json":       readWhole,
	"i_number_very_big_negative_int.json": readWhole,
	"i_structure_500_nested_arrays.json":  readWhole,
	"number_-9223372036854775808.json":    readWhole,
	"number_-9223372036854775809.json":    readWhole,
	"number_1.0.json":                     readWhole,
	"number_1.000000000000000005.json":    readWhole,
	"number_1000000000000000.json":        readWhole,
	"number_10000000000000000999.json":    readWhole,
	"number_1e-999.json":                  readWhole,
	"number_1e6.json":                     readWhole,
	"number_9223372036854775807.json":     readWhole,
	"number_9223372036854775808.json":     readWhole,
	"object_key_nfc_nfd.json":             readWhole, // names are bytes: two normal forms are two names
	"object_key_nfd_nfc.json":             readWhole,
	"string_with_escaped_NULL.json":       readWhole,

	// Half a surrogate pair, or bytes that are no UTF-8: two names could become one.
	"i_object_key_lone_2nd_surrogate.json":                oneKeyLost,
	"i_string_1st_surrogate_but_2nd_missing.json":         oneKeyLost,
	"i_string_1st_valid_surrogate_2nd_invalid.json":       oneKeyLost,
	"i_string_UTF-8_invalid_sequence.json":                oneKeyLost,
	"i_string_UTF8_surrogate_U+D800.json":                 oneKeyLost,
	"i_string_incomplete_surrogate_and_escape_valid.json": oneKeyLost,
	"i_string_incomplete_surrogate_pair.json":             oneKeyLost,
	"i_string_incomplete_surrogates_escape_valid.json":    oneKeyLost,
	"i_string_invalid_lonely_surrogate.json":              oneKeyLost,
	"i_string_invalid_surrogate.json":                     oneKeyLost,
	"i_string_invalid_utf-8.json":                         oneKeyLost,
	"i_string_inverted_surrogates_U+1D11E.json":           oneKeyLost,
	"i_string_iso_latin_1.json":                           oneKeyLost,
	"i_string_lone_second_surrogate.json":                 oneKeyLost,
	"i_string_lone_utf8_continuation_byte.json":           oneKeyLost,
	"i_string_not_in_unicode_range.json":                  oneKeyLost,
	"i_string_overlong_sequence_2_bytes.json":             oneKeyLost,
	"i_string_overlong_sequence_6_bytes.json":             oneKeyLost,
	"i_string_overlong_sequence_6_bytes_null.json":        oneKeyLost,
	"i_string_truncated-utf-8.json":                       oneKeyLost,
	"string_1_escaped_invalid_codepoint.json":             oneKeyLost,
	"string_1_invalid_codepoint.json":                     oneKeyLost,
	"string_2_escaped_invalid_codepoints.json":            oneKeyLost,
	"string_2_invalid_codepoints.json":                    oneKeyLost,
	"string_3_escaped_invalid_codepoints.json":            oneKeyLost,
	"string_3_invalid_codepoints.json":                    oneKeyLost,

	// A member twice: readers differ on which of them counts.
	"y_object_duplicated_key.json":           oneKeyLost,
	"y_object_duplicated_key_and_value.json": oneKeyLost,
	"object_same_key_different_values.json":  oneKeyLost,
	"object_same_key_same_value.json":        oneKeyLost,
	"object_same_key_unclear_values.json":    oneKeyLost,

	// UTF-16, and a byte order mark: no JSON in its outline.
	"i_string_UTF-16LE_with_BOM.json":         nothingRead,
	"i_string_utf16BE_no_BOM.json":            nothingRead,
	"i_string_utf16LE_no_BOM.json":            nothingRead,
	"i_structure_UTF-8_BOM_empty_object.json": nothingRead,
}

func TestEveryDocumentRulesOnJSONTestSuiteAlike(t *testing.T) {
	counts := map[reading]int{}
	for _, folder := range []string{"test_parsing", "test_transform"} {
		dir := filepath.Join(vectors.Dir(t), "jsontestsuite", folder)
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			name := entry.Name()
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			want, known := readings[name]
			switch {
			case known:
			case strings.HasPrefix(name, "y_"):
				want = readWhole
			case strings.HasPrefix(name, "n_"):
				want = nothingRead
			default:
				t.Errorf("%s: no ruling", name)
			}
			got := readAround(t, name, text)
			if got != want {
				t.Errorf("%s: want %+v, got %+v", name, want, got)
			}
			counts[got]++
		}
	}
	want := map[reading]int{readWhole: 117, oneKeyLost: 31, nothingRead: 192} // 95 y_, 188 n_, 35 i_ and 22
	if !maps.Equal(counts, want) {
		t.Errorf("want %v, got %v", want, counts)
	}
}

// readAround reads a document, a key set and a key around the text, and checks that it is refused for being no JSON.
func readAround(t *testing.T, name string, text []byte) (got reading) {
	t.Helper()
	e, d := theEdition(entra.V2)
	good := encoded(rsaJWK("good", keyA()))
	_, err := e.readDocument(fmt.Appendf(nil, `{"stranger":%s,"issuer":%q,"jwks_uri":"https://login.contoso.test/keys"}`, text, d.issuer))
	got.document = err == nil
	if err != nil && !strings.HasPrefix(err.Error(), "want a JSON object without duplicate members, got other text: ") {
		t.Errorf("%s: the document is refused for another fault: %v", name, err)
	}
	_, _, err = e.readKeys(fmt.Appendf(nil, `{"stranger":%s,"keys":[%s]}`, text, good), d)
	got.set = err == nil
	if err != nil && !errors.Is(err, errNoObject) && err.Error() != `member "stranger": want JSON without duplicate members, got other text` {
		t.Errorf("%s: the key set is refused for another fault: %v", name, err)
	}
	odd := fmt.Appendf(nil, `{"stranger":%s,%s`, text, encoded(rsaJWK("odd", keyB()))[1:])
	keys, _, err := e.readKeys(fmt.Appendf(nil, `{"keys":[%s,%s]}`, odd, good), d)
	got.usable = len(keys)
	if err != nil && !errors.Is(err, errNoObject) {
		t.Errorf("%s: the keys are refused for another fault: %v", name, err)
	}
	return got
}
