package access

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// fold gives the routes with the literals of their paths folded.
func (r *Routes) fold() *Routes {
	folded := &Routes{byFirst: map[string][]*route{}}
	for _, p := range r.all {
		twin := &route{pattern{p.method, p.host, slices.Clone(p.path)}, p.rule}
		for i, piece := range p.path {
			twin.path[i].text = foldCase(piece.text)
			folded.differs = folded.differs || twin.path[i] != piece
		}
		folded.all = append(folded.all, twin)
	}
	folded.order() // folded, one may match less than another that it did not meet before
	folded.index()
	return folded
}

// inAnotherCase reports whether a route that asks for more than the one found would decide, were it not for the case of
// letters in the path, which many programs do not tell apart (Express and ASP.NET Core unless told to). Where routes
// differ in nothing else, the request is what the API takes them for, and the one found decides.
func (r *Routes) inAnotherCase(method, host string, segments []string, found *route) bool {
	if found == nil {
		return false // denied anyway
	}
	if !r.folded.differs && !slices.ContainsFunc(segments, func(segment string) bool { return foldCase(segment) != segment }) {
		return false // as nearly every request
	}
	folded := make([]string, len(segments))
	for i, segment := range segments {
		folded[i] = foldCase(segment)
	}
	twin := r.folded.find(method, host, folded)
	if twin == nil || twin.rule == found.rule {
		return false
	}
	// Folded, two routes may match the same, or neither be the more specific: then any of them may be meant.
	meant := []*route{twin}
	for _, p := range r.folded.candidates(folded) {
		if p.clashes(&twin.pattern) && p != twin && (p.matches(method, host, folded) || p.matchesSlash(method, host, folded)) {
			meant = append(meant, p)
		}
	}
	if slices.ContainsFunc(meant, func(p *route) bool { return p.rule == found.rule }) {
		return false
	}
	return slices.ContainsFunc(meant, func(p *route) bool { return asksLess(found.rule, p.rule) })
}

// foldCase makes one of all that some program takes for the same but for case: the Kelvin sign, K and k; i and the Turkish
// i without a dot and I with one. Lower case in ASCII stays as it is, and takes no time: nearly every path is that.
func foldCase(text string) string {
	if !strings.ContainsFunc(text, func(c rune) bool { return 'A' <= c && c <= 'Z' || c >= utf8.RuneSelf }) {
		return text
	}
	return strings.Map(func(c rune) rune { return unicode.ToLower(unicode.ToUpper(unicode.ToLower(c))) }, text)
}
