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

// Account is a user of this host that files are judged for.
type Account struct {
	Name   string // for people and commands, such as claimd; "" = the uid
	UID    int
	Group  string // the name of the primary group, for commands; "" = its number
	GID    int    // NoGroup: not known
	Groups []int  // the supplementary groups
}

// NoGroup is the GID of an account whose group is not known.
const NoGroup = -1

func (u *Account) name() string {
	if u.Name == "" || u.Name == strconv.Itoa(u.UID) {
		return fmt.Sprintf("uid %d", u.UID)
	}
	return fmt.Sprintf("%s (uid %d)", u.Name, u.UID)
}

func (u *Account) group() string {
	if u.Group == "" {
		return strconv.Itoa(u.GID)
	}
	return u.Group
}

func (u *Account) in(gid int) bool { return gid == u.GID || slices.Contains(u.Groups, gid) }

// rights are what is asked of a file or directory, as in the three low bits of a mode.
type rights uint16

const (
	mayRead   rights = 4
	maySearch rights = 1 // of a directory: look names up in it
)

// may reports whether the kernel would grant the rights to the user: root always, its owner, its group or all others
// by the mode (path_resolution(7), "Permissions"), or by the access control list where there is one.
func (u *Account) may(want rights, uid, gid int, mode fs.FileMode, list []aclEntry) bool {
	return u.UID == 0 || u.mayByMode(want, uid, gid, mode, list)
}

// mayByMode is may without what root alone may.
func (u *Account) mayByMode(want rights, uid, gid int, mode fs.FileMode, list []aclEntry) bool {
	if list != nil && mode.Perm()&0o070 != 0 { // these bits are the list's mask; where it grants nothing, the kernel skips the list
		return u.mayByList(want, uid, gid, list)
	}
	granted := rights(mode.Perm())
	switch {
	case u.UID == uid:
		granted >>= 6
	case u.in(gid):
		granted >>= 3
	}
	return granted&want == want
}

// readable tells what the user may not read, list or search, and how to mend it. The file is as sound as before: what
// stands in it can be told too.
func (g *guard) readable(path string, info fs.FileInfo, want rights) {
	status, ok := info.Sys().(*syscall.Stat_t)
	if g.as == nil || !ok || g.barred[path] {
		return
	}
	list := accessList(path)
	if g.as.may(want, int(status.Uid), int(status.Gid), info.Mode(), list) {
		return
	}
	g.barred[path] = true
	g.fault(path, g.as.mend(path, info, want, list != nil), "cannot be %s by %s, got mode %04o owner %d:%d",
		what(want), g.as.name(), info.Mode().Perm(), status.Uid, status.Gid)
}

func what(want rights) string {
	switch want {
	case mayRead:
		return "read"
	case maySearch:
		return "searched"
	}
	return "listed"
}

// mend gives the command that lets the user read or search it, and as few others as can be: not even those who could
// before, if a command for that would have to let everybody in.
func (u *Account) mend(path string, info fs.FileInfo, want rights, hasList bool) string {
	word, letters := shellWord(path), map[rights]string{mayRead: "r", maySearch: "x", mayRead | maySearch: "rx"}[want]
	status, _ := info.Sys().(*syscall.Stat_t)
	switch {
	case int(status.Uid) == u.UID:
		return "chmod u+" + letters + " " + word
	case hasList, u.GID == NoGroup:
		return fmt.Sprintf("setfacl -m u:%d:%s %s", u.UID, letters, word)
	case want == mayRead:
		return fmt.Sprintf("chgrp %s %s && chmod 0640 %s", u.group(), word, word)
	case want == maySearch && status.Gid != 0 && !u.in(int(status.Gid)):
		return "chmod o+x " + word // the directory is some other group's
	}
	return fmt.Sprintf("chgrp %s %s && chmod g+%s %s", u.group(), word, letters, word)
}

// callersHint says how the caller, whom the kernel has refused, comes to read the file or list the directory.
func callersHint(path string) string {
	groups, _ := os.Getgroups() // without them, a command may do more than it has to
	caller := &Account{UID: os.Geteuid(), GID: os.Getegid(), Groups: groups}
	hint := caller.name() + " must be able to read it"
	if place, info, want := caller.barredAt(path); info != nil {
		hint += ": " + caller.mend(place, info, want, accessList(place) != nil)
	}
	return hint
}

// barredAt gives the first place on the way to the path whose mode bars the account; a nil info: none that can be seen.
func (u *Account) barredAt(path string) (place string, info fs.FileInfo, want rights) {
	names := splitPath(path)
	for i := range len(names) + 1 {
		place, want = "/"+strings.Join(names[:i], "/"), maySearch
		info, err := os.Stat(place)
		if err != nil {
			return place, nil, want
		}
		switch {
		case i == len(names) && info.IsDir():
			want = mayRead | maySearch
		case i == len(names):
			want = mayRead
		}
		status, ok := info.Sys().(*syscall.Stat_t)
		if ok && !u.mayByMode(want, int(status.Uid), int(status.Gid), info.Mode(), accessList(place)) {
			return place, info, want
		}
	}
	return place, nil, want
}
