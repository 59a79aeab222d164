package token

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// jsonTexts are texts that decoders are known to differ on; the words say what an object of RFC 8259 in UTF-8 is.
var jsonTexts = []struct {
	text string
	ok   bool
}{
	{`{}`, true}, {` { } `, true}, {`{"a":[ ]}`, true}, {`{"a":1}`, true}, {`{"a":[],"b":{}}`, true}, {`{"a":[1,2 , 3 ]}`, true},
	{`{"a":true,"b":false,"c":null}`, true}, {`{"a":-0.5e+10}`, true}, {`{"a":0}`, true}, {`{"a":1E-2}`, true},
	{`{"":""}`, true}, {`{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}`, true}, {`{"a":"\uD83D\uDE00"}`, true},
	{`{"a":"\ud7ff\ue000\ud800\udc00\udbff\udfff"}`, true}, {"{\"a\":\"\u2028\x7f\"}", true},
	{``, false}, {`{`, false}, {`}`, false}, {`[]`, false}, {`"a"`, false}, {`null`, false}, {`{}{}`, false}, {`{},`, false},
	{`{"a"}`, false}, {`{"a":}`, false}, {`{"a":1,}`, false}, {`{,"a":1}`, false}, {`{"a":1 "b":2}`, false}, {`{"a" 1}`, false},
	{`{a:1}`, false}, {`{'a':1}`, false}, {`{1:1}`, false}, {`{"a":[1,]}`, false}, {`{"a":[,1]}`, false}, {`{"a":[1 2]}`, false},
	{`{"a":[1}`, false}, {`{"a":[1`, false}, {`{"a":[`, false}, {`{"a":{"b":1]}`, false},
	{`{"a":` + strings.Repeat("[", 64) + strings.Repeat("]", 63) + `}`, false}, {strings.Repeat(`{"a":`, 65) + strings.Repeat("}", 64), false},
	{`{"a":01}`, false}, {`{"a":+1}`, false}, {`{"a":.5}`, false}, {`{"a":1.}`, false}, {`{"a":1e}`, false}, {`{"a":1e+}`, false},
	{`{"a":-}`, false}, {`{"a":--1}`, false}, {`{"a":0x1}`, false}, {`{"a":NaN}`, false}, {`{"a":Infinity}`, false}, {`{"a":1e1.5}`, false},
	{`{"a":tru}`, false}, {`{"a":True}`, false}, {`{"a":nul}`, false}, {`{"a":nulll}`, false},
	{`{"a":"`, false}, {`{"a":"\`, false}, {`{"a":"\"}`, false}, {`{"a":"\x41"}`, false}, {`{"a":"\u12"}`, false}, {`{"a":"\u12G4"}`, false},
	{`{"a":"\ud83d"}`, false}, {`{"a":"\ud83d\n"}`, false}, {`{"a":"\ud83dx"}`, false}, {`{"a":"\ud83d\ud83d"}`, false},
	{`{"a":"\u00/0"}`, false}, {`{"a":"\u00:0"}`, false}, {`{"a":"\u00@0"}`, false},
	{`{"a":"\u00G0"}`, false}, {"{\"a\":\"\\u00`0\"}", false}, {`{"a":"\u00g0"}`, false},
	{`{"a":"\u0aA9"}`, true}, {`{"a":"\ufF90"}`, true}, {`{"a":"\udc00"}`, false}, {`{"a":"\udfff"}`, false},
	{`{"a":"\ud800\udbff"}`, false}, {`{"a":"\ud800\ue000"}`, false}, {`{"a":"\x}`, false},
	{`{"a":"\ud83d\u0041"}`, false}, {`{"a":"\ude00"}`, false}, {`{"a":"\ud83d\ude0"}`, false},
	{"{\"a\":\"\n\"}", false}, {"{\"a\":\"\x00\"}", false}, {"{\"a\":\"\x1f\"}", false}, {"{\"a\":\"\xff\"}", false}, {"\xef\xbb\xbf{}", false},
	{"{\"a\":1}\x00", false}, {"{\v}", false}, {"{\"a\":1}//", false}, {"{/**/}", false}, {"{\"a\u00a0\":\u00a01}", false},
}

func TestTheScanKnowsJSON(t *testing.T) {
	for _, row := range jsonTexts {
		t.Run(row.text, func(t *testing.T) {
			if ok := eachMember([]byte(row.text), payloadLimits, always); ok != row.ok {
				t.Errorf("the scan: want %v, got %v", row.ok, ok)
			}
			if ok := isObject([]byte(row.text)); ok != row.ok {
				t.Errorf("jsontext: want %v, got %v", row.ok, ok)
			}
		})
	}
}

func always(_, _ []byte) bool { return true }

// isObject is what jsontext holds for one JSON object.
func isObject(data []byte) bool {
	return jsontext.Value(data).IsValid() && jsontext.Value(data).Kind() == '{'
}

func TestTheScanGivesNamesAndValuesAsTheyStand(t *testing.T) {
	var got []string
	ok := eachMember([]byte(` {"a" : [ 1 , {"b":2} ] ,"\u0062":"x" } `), payloadLimits, func(name, value []byte) bool {
		got = append(got, string(name)+"="+string(value))
		return true
	})
	want := `"a"=[ 1 , {"b":2} ] "\u0062"="x"`
	if !ok || strings.Join(got, " ") != want {
		t.Errorf("want %s, got %s (%v)", want, strings.Join(got, " "), ok)
	}
}

// Before the signature holds, nothing that a stranger writes may cost memory for each piece of it.
func TestA18TheScanAllocatesNothingForEachMember(t *testing.T) {
	small := []byte(`{"iss":"i","aud":"a","tid":"t","ver":"v"}`)
	var large bytes.Buffer
	large.WriteString(`{"iss":"i","aud":"a","tid":"t","ver":"v"`)
	for range 1900 {
		large.WriteString(`,"\u0078":{}`)
	}
	large.WriteString(`,"\u0078` + strings.Repeat("x", 1000) + `":{}`)
	large.WriteString(`,"nested":` + strings.Repeat("[", 60) + strings.Repeat("]", 60) + `}`)
	allocations := func(payload []byte) float64 {
		return testing.AllocsPerRun(20, func() {
			if _, ok := scan(payload); !ok {
				t.Fatal("want the scan to hold")
			}
		})
	}
	few, many := allocations(small), allocations(large.Bytes())
	if few != many || many > 1 {
		t.Errorf("allocations: want the same for 4 members and for 1,906, and 1 at most; got %v and %v", few, many)
	}
}

// A second decoder must agree: what the scan takes for an object, jsontext takes for one too (but for duplicates), and
// what both take has the members that encoding/json finds.
func FuzzTheScanAgreesWithTwoOtherDecoders(f *testing.F) {
	for _, row := range jsonTexts {
		f.Add([]byte(row.text))
	}
	f.Add([]byte(contoso.userClaims(nil).json()))
	f.Fuzz(func(t *testing.T, data []byte) {
		scanned := eachMember(data, payloadLimits, always)
		if valid := isObject(data); valid && !scanned && withinLimits(data) {
			t.Fatal("jsontext takes what the scan refuses")
		}
		loose := jsontext.Value(data).IsValid(jsontext.AllowDuplicateNames(true)) && jsontext.Value(data).Kind() == '{'
		if scanned && !loose {
			t.Fatal("the scan takes what jsontext refuses")
		}
		members, problem := takeIn(data)
		if problem != "" {
			return
		}
		var naive map[string]json.RawMessage
		if err := json.Unmarshal(data, &naive); err != nil || len(naive) != len(members) {
			t.Fatalf("encoding/json finds %d members (%v), the intake %d", len(naive), err, len(members))
		}
		for _, m := range members {
			if value, ok := naive[string(m.name)]; !ok || !bytes.Equal(value, m.value) {
				t.Fatalf("member %q: encoding/json finds %q, the intake %q", m.name, value, m.value)
			}
		}
	})
}

// withinLimits is a generous bound that every text within the limits keeps.
func withinLimits(data []byte) bool { return len(data) < maxNumber }
