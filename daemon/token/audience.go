package token

import (
	"slices"

	"github.com/claimd/claimd/daemon/entra"
)

// audienceOf gives the audience: the string, or the one string of an array. Entra ID never names several, and a token
// for several is for nobody here. ok is false for all else, the empty string too.
func audienceOf(aud []byte) (audience string, ok bool) {
	if text, ok := stringOf(aud); ok {
		return string(text), len(text) > 0
	}
	var only []byte
	count := 0
	eachElement(aud, func(element []byte) bool {
		only, _ = stringOf(element)
		count++
		return true
	})
	if count != 1 || len(only) == 0 {
		return "", false
	}
	return string(only), true
}

// namesOne reports whether the raw aud is one of the audiences, or an array of strings that holds one, byte for byte (RFC
// 7519 section 4.1.3). An array with anything but strings in it names nobody.
func namesOne(aud []byte, audiences []string) bool {
	if text, ok := stringOf(aud); ok {
		return slices.Contains(audiences, string(text))
	}
	one := false
	ok := eachElement(aud, func(element []byte) bool {
		text, isText := stringOf(element)
		one = one || isText && slices.Contains(audiences, string(text))
		return isText
	})
	return ok && one
}

// isForGraph reports whether the audience, or one of several, is Microsoft Graph.
func isForGraph(aud []byte) bool {
	if text, ok := stringOf(aud); ok {
		return entra.IsGraphAudience(string(text))
	}
	graph := false
	eachElement(aud, func(element []byte) bool {
		text, ok := stringOf(element)
		graph = graph || ok && entra.IsGraphAudience(string(text))
		return true
	})
	return graph
}
