package admin

import (
	"cmp"
	"strings"

	"github.com/claimd/claimd/daemon/directory"
)

// Command gives the command that does verb (show, activate ...) to this user and nobody else, as a shell takes it.
// provider is a provider's name; "": no provider of the configuration has this authority.
func Command(verb, provider string, key directory.Key) string {
	words := shellWord(cmp.Or(provider, key.Authority)) + " " + shellWord(key.ID)
	if strings.HasPrefix(key.ID, "-") { // or it would be read as a flag
		words = shellWord(cmp.Or(provider, key.Authority)) + " -- " + shellWord(key.ID)
	}
	return "claimctl users " + verb + " " + words
}

// shellWord writes a word so that a shell reads it back, quoted where it must be.
func shellWord(word string) string {
	quoted := word == "" || strings.ContainsFunc(word, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_.:/", r))
	})
	if !quoted {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
