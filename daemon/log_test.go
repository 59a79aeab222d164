package daemon

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/claimd/claimd/daemon/config"
)

// fixedClock makes the lines of a log the same in each run.
type fixedClock struct{}

func (fixedClock) Now() time.Time {
	return time.Date(2026, 11, 5, 6, 7, 8, 900_000_000, time.UTC)
}
func (fixedClock) NewTicker(d time.Duration) *time.Ticker { return time.NewTicker(d) }

func TestLogLinesInBothFormats(t *testing.T) {
	tests := []struct {
		name       string
		write      func(*zap.Logger)
		text, json string
	}{
		{
			"a sentence with values",
			func(log *zap.Logger) {
				log.Info("listening", zap.String("door", "server"), zap.Int("n", 3), zap.Strings("values", []string{"a", "b c"}))
			},
			`2026-11-05 06:07:08 info  listening door=server n=3 values=[a "b c"]`,
			`{"level":"info","time":"2026-11-05T06:07:08.900Z","message":"listening","door":"server","n":3,"values":["a","b c"]}`,
		},
		{
			"fields of the logger come first",
			func(log *zap.Logger) {
				log.With(zap.String("door", "")).Warn("w", zap.Duration("after", 5*time.Second), zap.Time("at", fixedClock{}.Now()))
			},
			`2026-11-05 06:07:08 warn  w door="" after=5s at=2026-11-05T06:07:08Z`,
			`{"level":"warn","time":"2026-11-05T06:07:08.900Z","message":"w","door":"","after":"5s","at":"2026-11-05T06:07:08.900Z"}`,
		},
		{
			"an error",
			func(log *zap.Logger) { log.Error("e", zap.Error(errors.New("got \"x\""))) },
			`2026-11-05 06:07:08 error e error="got \"x\""`,
			`{"level":"error","time":"2026-11-05T06:07:08.900Z","message":"e","error":"got \"x\""}`,
		},
		{
			"line breaks and terminal escapes",
			func(log *zap.Logger) { log.Info("a\nb\x1b[31m", zap.String("k", "c\r\nd\x00\x1b]0;t\x07")) },
			`2026-11-05 06:07:08 info  a\nb\x1b[31m k="c\r\nd\x00\x1b]0;t\a"`,
			`{"level":"info","time":"2026-11-05T06:07:08.900Z","message":"a\nb\u001b[31m","k":"c\r\nd\u0000\u001b]0;t\u0007"}`,
		},
		{
			"C1 controls, bidi marks, separators and invisible letters",
			func(log *zap.Logger) {
				log.Info("a\u009bb", zap.String("k", "\u202egrp\u2066\u2028\u200b\U000e0041é"))
			},
			`2026-11-05 06:07:08 info  a\u009bb k="\u202egrp\u2066\u2028\u200b\U000e0041é"`,
			`{"level":"info","time":"2026-11-05T06:07:08.900Z","message":"a\u009bb","k":"\u202egrp\u2066\u2028\u200b\udb40\udc41é"}`,
		},
		{
			"bytes that are no UTF-8",
			func(log *zap.Logger) { log.Info("m", zap.String("k", "a\xffb c")) },
			`2026-11-05 06:07:08 info  m k="a\xffb c"`,
			`{"level":"info","time":"2026-11-05T06:07:08.900Z","message":"m","k":"a\ufffdb c"}`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for format, want := range map[string]string{"text": test.text, "json": test.json} {
				var out bytes.Buffer
				test.write(newLogging(&out, nil, config.Log{Level: "info", Format: format}).logger().WithOptions(zap.WithClock(fixedClock{})))
				if got := out.String(); got != want+"\n" {
					t.Errorf("%s:\n got %s want %s", format, got, want)
				}
			}
		})
	}
}

// A stranger sends a text of 48 KiB where a short one is logged: the line stays short, in both formats, and stays JSON.
func TestLogCutsLongTexts(t *testing.T) {
	long := strings.Repeat("é", 24<<10)
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		newLogging(&out, nil, config.Log{Level: "info", Format: format}).logger().Info(long, zap.String("a", long), zap.Error(errors.New(long)))
		if out.Len() > 3*(maxLogValue+100) {
			t.Errorf("%s: the line has %d bytes", format, out.Len())
		}
		if strings.ContainsRune(out.String(), '\ufffd') {
			t.Errorf("%s: a letter was cut in two", format)
		}
		if format == "json" && !json.Valid(out.Bytes()) {
			t.Error("the line is no JSON")
		}
	}
}

func TestLogLevelAndFormatChangeForLoggersMadeBefore(t *testing.T) {
	var out bytes.Buffer
	logging := newLogging(&out, nil, config.Log{Level: "warn", Format: "json"})
	log := logging.logger().With(zap.String("door", "server")).WithOptions(zap.WithClock(fixedClock{}))
	log.Info("not said")
	logging.apply(config.Log{Level: "debug", Format: "text"})
	log.Debug("said")
	logging.apply(config.Log{Level: "error", Format: "auto"})
	log.Warn("not said either")
	log.Error("said as JSON, for this is no terminal")
	want := "2026-11-05 06:07:08 debug said door=server\n" +
		`{"level":"error","time":"2026-11-05T06:07:08.900Z","message":"said as JSON, for this is no terminal","door":"server"}` + "\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestLogOfAnUnknownLevelIsInfo(t *testing.T) {
	logging := newLogging(&bytes.Buffer{}, nil, config.Log{})
	if got := logging.level.Level(); got != zapcore.InfoLevel {
		t.Errorf("got %s", got)
	}
}
