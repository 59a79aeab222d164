package admin

import (
	"os"
	"strconv"
	"strings"
)

// maxPasswd is how much of /etc/passwd is looked at, in bytes.
const maxPasswd = 1 << 20

// name tells who the peer is for the record: "uid 0 (root)", or "uid 4711" where /etc/passwd has no such user. Name
// services that may ask a network are left alone: a change must not wait for one, or fail with it.
func (p peer) name() string {
	uid := strconv.FormatUint(uint64(p.uid), 10)
	content, err := os.ReadFile("/etc/passwd")
	if err != nil || len(content) > maxPasswd {
		return "uid " + uid
	}
	if name := userOf(uid, string(content)); name != "" {
		return "uid " + uid + " (" + name + ")"
	}
	return "uid " + uid
}

// userOf gives the name of the first user with this uid (passwd(5)); "" where there is none, or one of such a name as
// could be taken for something else in a sentence.
func userOf(uid, passwd string) string {
	for line := range strings.Lines(passwd) {
		fields := strings.Split(line, ":")
		if len(fields) < 7 || fields[2] != uid {
			continue
		}
		if strings.ContainsFunc(fields[0], func(r rune) bool { return r <= ' ' || r > '~' || r == '(' || r == ')' }) {
			return ""
		}
		return fields[0]
	}
	return ""
}
