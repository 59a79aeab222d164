package access

import (
	"net/http"

	"github.com/claimd/claimd/daemon/config"
)

// headerNames are the names of the configured identity headers, folded: servers behind a gateway read a header under all
// spellings that config.FoldHeader makes one.
type headerNames []string

func foldNames(names []string) headerNames {
	folded := make(headerNames, len(names))
	for i, name := range names {
		folded[i] = config.FoldHeader(name)
	}
	return folded
}

// has reports whether name is one of the names in any spelling. It allocates nothing.
func (h headerNames) has(name string) bool {
	for _, folded := range h {
		if len(folded) == len(name) && foldsTo(name, folded) {
			return true
		}
	}
	return false
}

// brought gives the header of the request that spells one of the names, the first in byte order; "" = none does.
func (h headerNames) brought(header http.Header) string {
	first := ""
	for name := range header {
		if h.has(name) && (first == "" || name < first) {
			first = name
		}
	}
	return first
}

func foldsTo(name, folded string) bool {
	for i := range len(name) {
		if config.FoldHeaderByte(name[i]) != folded[i] {
			return false
		}
	}
	return true
}
