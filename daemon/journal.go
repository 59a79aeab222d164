package daemon

import (
	"strings"

	"github.com/coreos/go-systemd/v22/journal"
	"go.uber.org/zap/zapcore"
)

// sendJournal writes an entry to the journal (systemd.journal-fields(7)); journal.Send is one.
type sendJournal func(message string, priority journal.Priority, fields map[string]string) error

// journalPrefix begins the names of claimd's own fields: the field reason is CLAIMD_REASON.
const journalPrefix = "CLAIMD_"

// writeJournal sends the entry as a sentence for people, with each field by itself too:
// journalctl -u claimd CLAIMD_REASON=no_group.
func writeJournal(send sendJournal, entry zapcore.Entry, fields []zapcore.Field) error {
	all := map[string]string{"SYSLOG_IDENTIFIER": "claimd"} // journalctl -t claimd
	for _, field := range fields {
		values := zapcore.NewMapObjectEncoder()
		field.AddTo(values)
		for name, value := range values.Fields {
			all[journalName(name)] = journalValue(value)
		}
	}
	return send(string(appendSentence(nil, entry, fields)), priority(entry.Level), all)
}

// journalName spells a field's name as the journal wants it: A to Z, digits and _.
func journalName(name string) string {
	name = strings.TrimSuffix(name, "_id") // CLAIMD_DECISION, CLAIMD_KEY
	return journalPrefix + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
}

// journalValue is a value as text, without the quotes that it has in a sentence: it is compared byte for byte.
func journalValue(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	return string(appendValue(nil, value))
}

// priority gives the syslog priority of a level.
func priority(level zapcore.Level) journal.Priority {
	switch {
	case level < zapcore.InfoLevel:
		return journal.PriDebug
	case level == zapcore.InfoLevel:
		return journal.PriInfo
	case level == zapcore.WarnLevel:
		return journal.PriWarning
	case level == zapcore.ErrorLevel:
		return journal.PriErr
	}
	return journal.PriCrit
}
