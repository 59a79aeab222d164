package mapping

import (
	"strconv"
	"strings"
)

// maxSearches bounds the searches for a similar name in one Compile: with thousands of wrong names, the first few
// suggestions show what is the matter.
const maxSearches = 20

// suggest gives the hint for a name that is not among the declared ones: the most similar of them, or otherwise.
func (c *checker) suggest(name string, declared []string, otherwise string) string {
	c.searches++
	if c.searches > maxSearches {
		return otherwise
	}
	if similar, ok := c.near.form.similar(name, declared); ok {
		return "did you mean " + strconv.Quote(similar) + "?"
	}
	return otherwise
}

// similar gives the name that people would take for the wanted one, or else the one with the fewest typing errors.
func (f form) similar(wanted string, names []string) (string, bool) {
	key := f.loose(wanted)
	for _, name := range names {
		if f.loose(name) == key {
			return name, true
		}
	}
	best, fewest := "", min(3, 1+len(wanted)/3) // 2 errors at most, 1 in a short name
	for _, name := range names {
		if count := typingErrors(wanted, name, fewest); count < fewest {
			best, fewest = name, count
		}
	}
	return best, best != ""
}

// typingErrors counts the runes to insert, to delete or to replace that make b of a (Levenshtein), case apart. It gives
// up with limit where there are at least as many.
func typingErrors(a, b string, limit int) int {
	from, to := []rune(strings.ToLower(a)), []rune(strings.ToLower(b))
	if max(len(from), len(to))-min(len(from), len(to)) >= limit {
		return limit
	}
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i, r := range from {
		diagonal := row[0]
		row[0] = i + 1
		least := row[0]
		for j, s := range to {
			cost := diagonal
			if r != s {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
			least = min(least, cost)
		}
		if least >= limit {
			return limit
		}
	}
	return min(row[len(to)], limit)
}

// quoted joins names for people.
func quoted(names []string) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = strconv.Quote(name)
	}
	return strings.Join(list, ", ")
}
