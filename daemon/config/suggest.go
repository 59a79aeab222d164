package config

import (
	"fmt"
	"slices"
	"strings"
)

// unknown tells the keys that no table knows.
func (c *checker) unknown() {
	for _, t := range c.tables {
		for _, key := range t.node.keys {
			if !t.named && !slices.Contains(t.known, key) {
				c.fault(t.at(key), c.unknownHint(t, key), "unknown key")
			}
		}
	}
}

func (c *checker) unknownHint(t *table, key string) string {
	if hint := meant(key, t.known); hint != "" {
		return hint
	}
	if key == "enabled" {
		return "put it above the first table"
	}
	for above := t.parent; above != nil && above.parent != nil; above = above.parent {
		if !above.named && slices.Contains(above.known, key) {
			return fmt.Sprintf("it is a key of [%s]: put it above [%s]", KeyPath(above.path), KeyPath(t.path))
		}
	}
	for _, other := range c.tables {
		if other.isMain() && slices.Contains(other.known, key) {
			return "it is a key of [" + KeyPath(other.path) + "]"
		}
	}
	if looksSecret(key) {
		return "no secret is needed to verify a token: take it out of this file"
	}
	return ""
}

// isMain reports whether the table is one that a key can be known by: [NAME] or [provider.NAME], but not a list of names
// and not one element of many.
func (t *table) isMain() bool {
	if t.parent == nil || t.parent.parent != nil || t.named {
		return false
	}
	_, isElement := t.path[len(t.path)-1].(int)
	return !isElement
}

func looksSecret(key string) bool {
	key = strings.ToLower(key)
	return slices.ContainsFunc([]string{"secret", "password", "passwd", "credential"}, func(word string) bool {
		return strings.Contains(key, word)
	})
}

// meant gives a hint where a word is a known one in another spelling; "" where it is near none.
func meant(word string, known []string) string {
	nearest, least := "", 3 // two slips at most
	for _, candidate := range known {
		if plain(word) == plain(candidate) {
			return "it is spelled " + quoteKey(candidate)
		}
		if diff := len(word) - len(candidate); diff < -4 || diff > 4 {
			continue
		}
		// In a short word two slips make another word.
		if d := distance(plain(word), plain(candidate)); d < least && d*3 <= len(candidate) {
			nearest, least = candidate, d
		}
	}
	if nearest == "" {
		return ""
	}
	return "did you mean " + quoteKey(nearest) + "?"
}

// plain leaves out what people write in different ways.
func plain(word string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(word))
}

// distance counts the letters that are to be put in, taken out, changed or swapped with their neighbour to make b of a
// (optimal string alignment).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
