package config

import (
	"strings"

	"github.com/claimd/claimd/mapping"
)

// AdminSocket gives [admin] socket as far as the files parse, else the default: claimctl finds the daemon through it
// even where the configuration has faults. Files that break the rules for owners and modes are not asked: whoever
// wrote them could have the tool hand a token to a socket of theirs.
func AdminSocket(path string) string {
	tree, _ := Read(path, ReadOptions{})
	found := DefaultAdminSocket
	for _, file := range tree.Files {
		for _, part := range readableParts(file) {
			setting, ok := find(part, mapping.Path{"admin", "socket"})
			if socket, isText := setting.value.(string); ok && isText && socketPath(socket).problem == "" {
				found = socket
			}
		}
	}
	return found
}

// readableParts gives the file as a whole, or where it is no TOML, those of its sections that are.
func readableParts(file File) []*node {
	if whole, _ := decode(file); whole != nil {
		return []*node{whole}
	}
	var parts []*node
	for section := range strings.SplitSeq("\n"+string(file.Bytes), "\n[") {
		// Only the text before the first header comes without a bracket.
		if part, _ := decode(File{Bytes: []byte("[" + section)}); part != nil {
			parts = append(parts, part)
		} else if part, _ := decode(File{Bytes: []byte(section)}); part != nil && len(parts) == 0 {
			parts = append(parts, part)
		}
	}
	return parts
}
