package main

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// page is a text in two columns: labels, and what stands beside them.
type page struct {
	strings.Builder
	width int // of the labels
}

// row writes one line. An empty label continues the one above.
func (p *page) row(label, format string, values ...any) {
	text := pad(label, p.width) + "  " + fmt.Sprintf(format, values...)
	p.WriteString(strings.TrimRight(text, " ") + "\n")
}

// rows writes a table beside a label; "none" where it is empty.
func (p *page) rows(label string, table [][]string) {
	if len(table) == 0 {
		p.row(label, "none")
		return
	}
	body := &page{}
	body.table("", 60, table)
	for line := range strings.Lines(body.String()) {
		p.row(label, "%s", strings.TrimSuffix(line, "\n"))
		label = ""
	}
}

// line writes a line as it is.
func (p *page) line(format string, values ...any) { fmt.Fprintf(p, format+"\n", values...) }

// table lines columns up, with two blanks between them. A cell wider than widest moves its own line only.
func (p *page) table(indent string, widest int, rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if n := utf8.RuneCountInString(cell); n <= widest {
				widths[i] = max(widths[i], n)
			}
		}
	}
	for _, row := range rows {
		text := indent
		for i, cell := range row {
			text += pad(cell, widths[i]) + "  "
		}
		p.WriteString(strings.TrimRight(text, " ") + "\n")
	}
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// when gives a moment in now's zone and how long ago it was; "never" for the zero time.
func when(moment, now time.Time) string {
	if moment.IsZero() {
		return "never"
	}
	return clock(moment, now) + ", " + ago(moment, now)
}

func clock(moment, now time.Time) string {
	return moment.In(now.Location()).Format("2006-01-02 15:04:05 MST")
}

// ago gives how long ago a moment was, in its two largest units.
func ago(moment, now time.Time) string {
	d := now.Sub(moment)
	if d < 0 {
		return "in " + span(-d)
	}
	return span(d) + " ago"
}

func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
}

// count gives "1 group", "2 groups".
func count(n int, one string) string { return counted(n, one, one+"s") }

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// marks are the signs before a check that held and one that failed.
type marks struct{ pass, fail string }

func (m marks) of(passed bool) string {
	if passed {
		return m.pass
	}
	return m.fail
}

// marksFor gives signs that the output can show: beyond ASCII only on a terminal whose locale is UTF-8 (the first of
// the three variables that is set counts, POSIX.1-2017 8.2).
func marksFor(terminal bool, getenv func(string) string) marks {
	locale := strings.ToUpper(cmp.Or(getenv("LC_ALL"), getenv("LC_CTYPE"), getenv("LANG")))
	if terminal && (strings.Contains(locale, "UTF-8") || strings.Contains(locale, "UTF8")) {
		return marks{pass: "✓", fail: "✗"}
	}
	return marks{pass: "ok", fail: "NO"}
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// widthOf gives the width of a terminal in characters; 0 where the file is none, or does not tell.
func widthOf(f *os.File) int {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}
