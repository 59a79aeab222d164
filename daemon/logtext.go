package daemon

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"
)

// formatText writes a line for people: time, level, sentence, then name=value.
func formatText(entry zapcore.Entry, fields []zapcore.Field) []byte {
	line := entry.Time.AppendFormat(nil, "2006-01-02 15:04:05 ")
	line = append(line, (entry.Level.String() + "      ")[:6]...)
	line = appendSentence(line, entry, fields)
	return append(line, '\n')
}

// appendSentence writes the message, then name=value.
func appendSentence(line []byte, entry zapcore.Entry, fields []zapcore.Field) []byte {
	line = appendVisible(line, entry.Message)
	for _, field := range fields {
		values := zapcore.NewMapObjectEncoder()
		field.AddTo(values)
		for _, name := range sortedKeys(values.Fields) {
			line = append(line, ' ')
			line = append(line, name...)
			line = append(line, '=')
			line = appendValue(line, values.Fields[name])
		}
	}
	if entry.Stack != "" {
		line = append(line, " stack="...)
		line = appendValue(line, strings.ReplaceAll(entry.Stack, "\n", " | "))
	}
	return line
}

// appendVisible writes text as it is, but for what is not printable: that stands there as Go would escape it.
func appendVisible(to []byte, text string) []byte {
	for _, r := range text {
		if strconv.IsPrint(r) {
			to = append(to, string(r)...)
			continue
		}
		quoted := strconv.QuoteRune(r)
		to = append(to, quoted[1:len(quoted)-1]...)
	}
	return to
}

// appendValue writes a value as text, in quotes where it would not read as one word.
func appendValue(to []byte, value any) []byte {
	switch v := value.(type) {
	case string:
		return appendWord(to, v)
	case time.Time:
		return v.UTC().AppendFormat(to, time.RFC3339)
	case []any:
		to = append(to, '[')
		for i, element := range v {
			if i > 0 {
				to = append(to, ' ')
			}
			to = appendValue(to, element)
		}
		return append(to, ']')
	}
	return appendWord(to, fmt.Sprint(value))
}

func appendWord(to []byte, text string) []byte {
	special := func(r rune) bool { return r == ' ' || r == '"' || r == '=' || !strconv.IsPrint(r) }
	if text == "" || strings.ContainsFunc(text, special) {
		return strconv.AppendQuote(to, text)
	}
	return append(to, text...)
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
