package config

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// aclEntry is one line of an access control list (acl(5)).
type aclEntry struct {
	tag     uint16
	granted rights
	id      int // of a named user or group
}

// The tags of an access control list (linux/posix_acl.h).
const (
	aclOwner      = 0x01
	aclNamedUser  = 0x02
	aclGroup      = 0x04
	aclNamedGroup = 0x08
	aclMask       = 0x10
	aclOther      = 0x20
)

// mayByList is acl(5), "Access check algorithm": the owner, else a named user, else any group that grants it all, else
// the others.
func (u *Account) mayByList(want rights, uid, gid int, list []aclEntry) bool {
	var other rights
	mask := ^rights(0)
	inGroup, byGroup := false, false
	for _, entry := range list {
		switch entry.tag {
		case aclOwner:
			if u.UID == uid {
				return entry.granted&want == want
			}
		case aclMask:
			mask = entry.granted
		case aclOther:
			other = entry.granted
		}
	}
	for _, entry := range list { // the kernel keeps named users before groups
		switch {
		case entry.tag == aclNamedUser && entry.id == u.UID:
			return entry.granted&mask&want == want
		case entry.tag == aclGroup && u.in(gid), entry.tag == aclNamedGroup && u.in(entry.id):
			inGroup = true
			byGroup = byGroup || entry.granted&mask&want == want
		}
	}
	if inGroup {
		return byGroup
	}
	return other&want == want
}

// accessList reads the access control list of a path without links; nil where it has none, or none that is understood.
func accessList(path string) []aclEntry {
	raw := make([]byte, 4<<10)
	n, err := unix.Lgetxattr(path, "system.posix_acl_access", raw)
	if err != nil || n < 4 || binary.LittleEndian.Uint32(raw) != 2 { // its version (linux/posix_acl_xattr.h)
		return nil
	}
	var list []aclEntry
	for at := 4; at+8 <= n; at += 8 {
		list = append(list, aclEntry{
			tag:     binary.LittleEndian.Uint16(raw[at:]),
			granted: rights(binary.LittleEndian.Uint16(raw[at+2:])),
			id:      int(binary.LittleEndian.Uint32(raw[at+4:])),
		})
	}
	return list
}
