package graph

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/claimd/claimd/daemon/entra"
)

// FuzzPage: what is taken for a page is JSON, and the groups in it are those that its value lists, neither more nor fewer.
func FuzzPage(f *testing.F) {
	for _, body := range []string{
		`{"@odata.context":"x","value":["` + analysts + `"],"@odata.nextLink":"https://graph.microsoft.com/v1.0/x"}`,
		`{"value":[]}`, `{"value":["` + strings.ToUpper(operators) + `","` + operators + `"]}`, `{"value":[{"id":"` + analysts + `"}]}`,
		`{"x":{"value":["` + analysts + `"]},"value":[]}`, `{"\u0076alue":[]}`, `{"value":[`, `[]`, `null`, ``,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var took []string
		_, err := readPage(bytes.NewReader(body), false, func(id string) bool {
			took = append(took, id)
			return true
		})
		if err != nil {
			return
		}
		var whole map[string]json.RawMessage
		if err := json.Unmarshal(body, &whole); err != nil {
			t.Fatalf("%q is taken and is no JSON: %v", body, err)
		}
		var want []string
		if err := json.Unmarshal(whole["value"], &want); err != nil {
			t.Fatalf("%q is taken: %v", body, err)
		}
		for i, id := range want {
			guid, ok := entra.GUID(id)
			if !ok {
				t.Fatalf("%q is taken, with %q", body, id)
			}
			want[i] = guid
		}
		if !slices.Equal(took, want) {
			t.Fatalf("%q: took %q, want %q", body, took, want)
		}
	})
}
