package entra

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Problem is one AADSTS code: the number under which Entra ID refuses a sign-in or a token.
//
// Mend says "Entra admin center > PAGE > PART"; the portal's own search finds an application by its ID. In both texts
// CLIENT_ID stands for the application ID of the calling application and APPLICATION_ID for that of the
// API; Named puts them in.
type Problem struct {
	Code  int
	Cause string // one sentence, lower case, without a period
	Mend  string // one sentence in the imperative, lower case, without a period; names the page of the portal
	Known bool   // whether it stands in the table
}

// ExplainCode gives what is known about an AADSTS code. For one that is not in the table it says where Microsoft
// explains it.
func ExplainCode(code int) Problem {
	if known, ok := aadsts[code]; ok {
		return Problem{Code: code, Cause: known.cause, Mend: onceOnly(known.mend, center), Known: true}
	}
	return Problem{
		Code:  code,
		Cause: fmt.Sprintf("claimd has no words for the code AADSTS%d", code),
		Mend:  fmt.Sprintf("look it up at %s, and look at %s", CodePage(code), logs),
	}
}

// onceOnly leaves out all occurrences of the words but the first: who is in the admin center already need not be told.
func onceOnly(text, words string) string {
	before, after, found := strings.Cut(text, words)
	if !found {
		return text
	}
	return before + words + strings.ReplaceAll(after, words, "")
}

// CodePage gives the page on which Microsoft explains a code.
func CodePage(code int) string {
	return "https://login.microsoftonline.com/error?code=" + strconv.Itoa(code)
}

// Codes gives all codes of the table, the smallest first.
func Codes() []int {
	all := make([]int, 0, len(aadsts))
	for code := range aadsts {
		all = append(all, code)
	}
	slices.Sort(all)
	return all
}

// Named puts the two applications in.
func (p Problem) Named(clientID, applicationID string) Problem {
	names := strings.NewReplacer("CLIENT_ID", clientID, "APPLICATION_ID", applicationID)
	p.Cause, p.Mend = names.Replace(p.Cause), names.Replace(p.Mend)
	return p
}

// FindCode gives the AADSTS code of an error answer: one of its error_codes, else the first AADSTSnnn in its
// error_description; 0 where there is none. Of several error_codes one that the table knows is taken, the first such:
// Entra puts general codes beside the exact one.
func FindCode(errorCodes []int, description string) int {
	for _, code := range errorCodes {
		if _, ok := aadsts[code]; ok {
			return code
		}
	}
	if code := codeIn(description); code != 0 || len(errorCodes) == 0 {
		return code
	}
	return max(0, errorCodes[0])
}

// codeIn gives the number behind the first "AADSTS" that is followed by 4 to 9 digits; 0 = there is none.
func codeIn(text string) int {
	for {
		_, rest, found := strings.Cut(text, "AADSTS")
		if !found {
			return 0
		}
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		if code, err := strconv.Atoi(rest[:digits]); err == nil && digits >= 4 && digits <= 9 {
			return code
		}
		text = rest
	}
}
