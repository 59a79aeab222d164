package daemon

import (
	"io"
	"os"
	"slices"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sys/unix"

	"github.com/claimd/claimd/daemon/config"
)

// maxLogValue is how many bytes of one text a line of the log holds: what a stranger sends must not flood it.
const maxLogValue = 4 << 10

// logging is a logger whose level and format a reload changes, also for the loggers made from it.
type logging struct {
	level    zap.AtomicLevel
	format   atomic.Pointer[lineFormat]
	terminal bool
	journal  sendJournal // nil: standard error is not the journal

	journaled atomic.Bool // entries go to the journal with their fields, and to out only if it does not take them

	sink *sink
}

// lineFormat writes an entry as one line that holds no control character but its final newline.
type lineFormat func(zapcore.Entry, []zapcore.Field) []byte

// newLogging writes to out, or to the journal where there is one. It knows a terminal where out is one.
func newLogging(out io.Writer, journal sendJournal, cfg config.Log) *logging {
	l := &logging{level: zap.NewAtomicLevel(), terminal: isTerminal(out), journal: journal}
	l.sink = newSink(out, l.lost)
	l.apply(cfg)
	return l
}

// lost is the line that stands for lines that nobody read in time.
func (l *logging) lost(lines uint64) []byte {
	entry := zapcore.Entry{Level: zapcore.WarnLevel, Time: time.Now(), Message: "lines of the log were lost: they were not read in time"}
	return (*l.format.Load())(entry, []zapcore.Field{zap.Uint64("lines", lines)})
}

// apply takes level and format over. A level that it does not know is info.
func (l *logging) apply(cfg config.Log) {
	level, err := zapcore.ParseLevel(cfg.Level)
	if err != nil {
		level = zapcore.InfoLevel
	}
	l.level.SetLevel(level)
	format := newJSONFormat()
	if cfg.Format == "text" || cfg.Format != "json" && l.terminal {
		format = formatText
	}
	l.format.Store(&format)
	l.journaled.Store(l.journal != nil && cfg.Format != "text" && cfg.Format != "json")
}

func (l *logging) logger() *zap.Logger { return zap.New(&logCore{logging: l}) }

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}

// logCore is a zapcore.Core that asks logging for the format of each line.
type logCore struct {
	logging *logging
	with    []zapcore.Field
}

func (c *logCore) Enabled(level zapcore.Level) bool { return c.logging.level.Enabled(level) }

func (c *logCore) With(fields []zapcore.Field) zapcore.Core {
	return &logCore{logging: c.logging, with: append(slices.Clip(c.with), fields...)}
}

func (c *logCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(entry.Level) {
		return checked.AddCore(entry, c)
	}
	return checked
}

func (c *logCore) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	all := append(slices.Clip(c.with), fields...)
	for i, field := range all {
		all[i] = shorten(field)
	}
	entry.Message = cut(entry.Message)
	line := (*c.logging.format.Load())(entry, all)
	if !c.logging.journaled.Load() {
		c.logging.sink.write(line, nil)
		return nil
	}
	c.logging.sink.write(line, func() error { return writeJournal(c.logging.journal, entry, all) })
	return nil
}

// Sync waits until all lines are written, a second at most.
func (c *logCore) Sync() error {
	c.logging.sink.sync()
	return nil
}

// shorten cuts the texts that a field may hold. Lists are bounded by whoever logs them.
func shorten(field zapcore.Field) zapcore.Field {
	switch field.Type {
	case zapcore.StringType:
		field.String = cut(field.String)
	case zapcore.ErrorType:
		if err, ok := field.Interface.(error); ok && err != nil {
			return zap.String(field.Key, cut(err.Error()))
		}
	}
	return field
}

func cut(text string) string {
	if len(text) <= maxLogValue {
		return text
	}
	end := maxLogValue
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "..."
}

// newJSONFormat writes one JSON object a line.
func newJSONFormat() lineFormat {
	encoder := zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		TimeKey: "time", LevelKey: "level", NameKey: "logger", MessageKey: "message", StacktraceKey: "stack",
		EncodeLevel:    zapcore.LowercaseLevelEncoder,
		EncodeDuration: zapcore.StringDurationEncoder,
		EncodeTime: func(t time.Time, e zapcore.PrimitiveArrayEncoder) {
			e.AppendString(t.UTC().Format("2006-01-02T15:04:05.000Z07:00")) // RFC 3339
		},
	})
	return func(entry zapcore.Entry, fields []zapcore.Field) []byte {
		buffer, err := encoder.EncodeEntry(entry, fields)
		if err != nil {
			return nil
		}
		defer buffer.Free()
		return escapeHidden(buffer.Bytes())
	}
}

// escapeHidden writes what a terminal would act on or not show as JSON escapes: C1 controls, line separators, and
// format characters, such as those that turn the direction of text. In the JSON of one line they stand in strings
// alone. The C0 controls are escaped by the encoder already.
func escapeHidden(line []byte) []byte {
	if !slices.ContainsFunc(line, func(b byte) bool { return b >= utf8.RuneSelf }) {
		return slices.Clone(line)
	}
	escaped := make([]byte, 0, len(line)+16)
	for _, r := range string(line) {
		if r != '\n' && hidden(r) {
			escaped = appendEscape(escaped, r)
			continue
		}
		escaped = utf8.AppendRune(escaped, r)
	}
	return escaped
}

func hidden(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }

func appendEscape(to []byte, r rune) []byte {
	const digits = "0123456789abcdef"
	units := [2]rune{r}
	n := 1
	if r > 0xffff {
		units[0], units[1] = utf16.EncodeRune(r)
		n = 2
	}
	for _, unit := range units[:n] {
		to = append(to, '\\', 'u', digits[unit>>12&15], digits[unit>>8&15], digits[unit>>4&15], digits[unit&15])
	}
	return to
}
