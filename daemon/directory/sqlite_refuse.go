package directory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// refuse gives the words for an administrator whose daemon does not start.
func (s *sqliteStore) refuse(err error) error {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal
	}
	if !errors.Is(err, errDamaged) {
		if judged := s.judge(err); errors.As(judged, &refusal) || !errors.Is(judged, errDamaged) {
			return judged
		}
	}
	return &Refusal{Problem: s.path + ": " + lastWords(err), Hint: s.restore()}
}

// lastWords gives the error without the path, which stands before it.
func lastWords(err error) string {
	text := err.Error()
	if at := strings.LastIndex(text, sqliteFile+": "); at >= 0 {
		return errDamaged.Error() + ": " + text[at+len(sqliteFile)+2:]
	}
	return text
}

var plainPath = regexp.MustCompile(`^[A-Za-z0-9_./@%+=:,-]+$`)

// quoted gives the path for a shell.
func quoted(path string) string {
	if plainPath.MatchString(path) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// restore gives the command that puts the backup in place of the file.
func (s *sqliteStore) restore() string {
	directory := filepath.Dir(s.path)
	info, err := os.Stat(s.backup)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return "there is no backup beside it; to begin with an empty directory, in which nobody is inactive: rm " +
			quoted(s.path) + "* && systemctl restart claimd"
	}
	as := ""
	if u, err := user.Current(); err == nil && u.Uid != "0" {
		as = "runuser -u " + u.Username + " -- "
	}
	of := ""
	if err == nil {
		of = " (the backup is of " + info.ModTime().UTC().Format(time.DateTime) +
			" UTC; changes since then stand in the journal: journalctl -u claimd)"
	}
	return fmt.Sprintf("%sfind %s -name '%s*' ! -name %s -delete && %scp %s %s && systemctl restart claimd%s", as,
		quoted(directory), sqliteFile, sqliteLock, as, quoted(s.backup), quoted(s.path), of)
}

// hintOf gives the hint of a *Refusal; "" where there is none.
func hintOf(err error) string {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal.Hint
	}
	return ""
}
