package entra

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestEveryCodeHasItsText holds each code with its cause and what mends it, as an administrator reads them: the file is
// the table in words.
func TestEveryCodeHasItsText(t *testing.T) {
	var b strings.Builder
	for _, code := range Codes() {
		p := ExplainCode(code)
		if p.Code != code || !p.Known {
			t.Errorf("AADSTS%d: got %+v", code, p)
		}
		fmt.Fprintf(&b, "AADSTS%d: %s.\nTo change it: %s.\n\n", code, p.Cause, p.Mend)
	}
	path := filepath.Join("testdata", "aadsts.txt")
	if os.Getenv("UPDATE_SCRIPTS") != "" {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the texts are not those of %s; UPDATE_SCRIPTS=1 writes it\n%s", path, b.String())
	}
}

// TestTheCodesThatPeopleMeetAreKnown: those that setting up app registrations brings.
func TestTheCodesThatPeopleMeetAreKnown(t *testing.T) {
	all := Codes()
	for _, code := range []int{50011, 50020, 50034, 50076, 50079, 50105, 500011, 53003, 65001, 65004, 70011, 70016, 70043, 90002, 90014,
		700016, 700025, 7000112, 7000113, 7000215, 7000218, 7000222, 650052, 650053, 650057, 50146, 501461, 900432, 9002313} {
		if !slices.Contains(all, code) {
			t.Errorf("AADSTS%d is not in the table", code)
		}
	}
}

// TestEveryTextIsOneSentenceThatSaysWhereToGo: no period in it, which the reader adds, and in Mend a page of the portal, a
// setting of claimd's, a flag, or something to do with one's own hands.
func TestEveryTextIsOneSentenceThatSaysWhereToGo(t *testing.T) {
	places := []string{center, "[provider.NAME]", "[outbound]", "--", "https://", "sign in again", "run the test again", "api://APPLICATION_ID", "timedatectl", "the address"}
	for _, code := range Codes() {
		p := ExplainCode(code)
		for _, text := range []string{p.Cause, p.Mend} {
			if text == "" || strings.HasSuffix(text, ".") || strings.Contains(text, ". ") || strings.Contains(text, "  ") {
				t.Errorf("AADSTS%d: want one sentence without a period, got %q", code, text)
			}
		}
		if !slices.ContainsFunc(places, func(place string) bool { return strings.Contains(p.Mend, place) }) {
			t.Errorf("AADSTS%d: want the place to go to, got %q", code, p.Mend)
		}
		if strings.Count(p.Mend, center) > 1 {
			t.Errorf("AADSTS%d: the admin center is named twice: %q", code, p.Mend)
		}
	}
}

// TestACodeThatIsNotInTheTableIsNamed, with the page that explains it.
func TestACodeThatIsNotInTheTableIsNamed(t *testing.T) {
	want := Problem{Code: 7000999, Cause: "claimd has no words for the code AADSTS7000999",
		Mend: "look it up at https://login.microsoftonline.com/error?code=7000999, and look at Entra admin center > Monitoring > Sign-in logs"}
	if got := ExplainCode(7000999); got != want {
		t.Errorf("want %+v\ngot  %+v", want, got)
	}
}

func TestTheApplicationsArePutIn(t *testing.T) {
	p := Problem{Cause: "CLIENT_ID asks", Mend: "look at APPLICATION_ID and CLIENT_ID"}.Named("one", "two")
	if p.Cause != "one asks" || p.Mend != "look at two and one" {
		t.Errorf("got %+v", p)
	}
}

// TestTheCodeOfAnAnswerIsFound in error_codes or in the text, the one that the table knows before all others.
func TestTheCodeOfAnAnswerIsFound(t *testing.T) {
	tests := map[string]struct {
		codes       []int
		description string
		want        int
	}{
		"none at all":                  {nil, "", 0},
		"a list":                       {[]int{65001}, "", 65001},
		"the known one of a list":      {[]int{7000999, 53003}, "AADSTS7000999: no", 53003},
		"a text":                       {nil, "AADSTS50105: The user is not assigned.", 50105},
		"a text with something":        {nil, "invalid_grant: AADSTS70016: pending. Trace ID: 1", 70016},
		"the text before a stranger":   {[]int{7000999}, "AADSTS7000998: no", 7000998},
		"a stranger":                   {[]int{7000999}, "no", 7000999},
		"a number that is none":        {nil, "AADSTS: no, AADSTS12, AADSTS1234567890123, AADSTS50034.", 50034},
		"a negative one":               {[]int{-5}, "", 0},
		"letters only":                 {nil, "AADSTSnnn", 0},
		"too many digits for a number": {nil, "AADSTS99999999999999999999999999", 0},
	}
	for name, test := range tests {
		if got := FindCode(test.codes, test.description); got != test.want {
			t.Errorf("%s: want %d, got %d", name, test.want, got)
		}
	}
}
