package config

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// secret judges a file that holds a secret: beside the rule for every file, nobody may read it but root, the daemon's own
// user and the daemon's group.
func (g *guard) secret(path string, info fs.FileInfo) bool {
	sound := g.file(path, info)
	status, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	list := accessList(path)
	who := g.strangers(int(status.Gid), info.Mode(), list)
	if len(who) == 0 {
		return sound
	}
	g.fault(path, g.hide(path, int(status.Uid), list != nil), "holds a secret: want it readable by no others, got mode %04o, so that %s may read it",
		info.Mode().Perm(), strings.Join(who, ", "))
	return false
}

// strangers names those who may read a file of this mode and may not read a secret.
func (g *guard) strangers(gid int, mode fs.FileMode, list []aclEntry) []string {
	uid, own := g.daemon()
	if list == nil {
		list = []aclEntry{{tag: aclGroup, granted: rights(mode.Perm()) >> 3}, {tag: aclOther, granted: rights(mode.Perm())}}
	}
	mask := ^rights(0)
	for _, entry := range list {
		if entry.tag == aclMask {
			mask = entry.granted
		}
	}
	var who []string
	tell := func(granted rights, words string) {
		if granted&mayRead != 0 && !slices.Contains(who, words) {
			who = append(who, words)
		}
	}
	for _, entry := range list {
		switch {
		case entry.tag == aclOther:
			tell(entry.granted, "everybody")
		case entry.tag == aclGroup && gid != own:
			tell(entry.granted&mask, "group "+strconv.Itoa(gid))
		case entry.tag == aclNamedGroup && entry.id != own:
			tell(entry.granted&mask, "group "+strconv.Itoa(entry.id))
		case entry.tag == aclNamedUser && entry.id != uid && entry.id != 0:
			tell(entry.granted&mask, "uid "+strconv.Itoa(entry.id))
		}
	}
	return who
}

// daemon gives the user and the group that the daemon runs as.
func (g *guard) daemon() (uid, gid int) {
	if g.as != nil {
		return g.as.UID, g.as.GID
	}
	return g.uid, os.Getegid()
}

// hide gives the command that leaves the file to those who may read a secret.
func (g *guard) hide(path string, owner int, hasList bool) string {
	word := shellWord(path)
	command := ""
	if hasList {
		command = "setfacl -b " + word + " && "
	}
	uid, gid := g.daemon()
	switch {
	case owner == uid:
		return command + "chmod 0600 " + word
	case gid == NoGroup:
		return command + fmt.Sprintf("chmod 0600 %s && setfacl -m u:%d:r %s", word, uid, word)
	case g.as != nil:
		return command + fmt.Sprintf("chgrp %s %s && chmod 0640 %s", g.as.group(), word, word)
	}
	return command + fmt.Sprintf("chgrp %d %s && chmod 0640 %s", gid, word, word)
}
