package gateway

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/claimd/claimd/daemon/access"
)

// written is an http.ResponseWriter that keeps the answer.
type written struct {
	header http.Header
	status int
	body   []byte
}

// Header implements http.ResponseWriter.
func (w *written) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *written) WriteHeader(status int) { w.status = status }

// Write implements http.ResponseWriter.
func (w *written) Write(body []byte) (int, error) {
	w.body = append(w.body, body...)
	return len(body), nil
}

// wire gives the answer as net/http writes it: the handler's header fields in the order of their names, then what net/http
// itself adds.
func (w *written) wire(how manner) []byte {
	var b bytes.Buffer
	version := "HTTP/1.1 "
	if how.old {
		version = "HTTP/1.0 "
	}
	b.WriteString(version + strconv.Itoa(w.status) + " " + http.StatusText(w.status) + "\r\n")
	_ = w.header.Write(&b) // a buffer takes all
	b.WriteString("Date: " + time.Now().UTC().Format(http.TimeFormat) + "\r\n")
	if w.header.Get("Content-Length") == "" {
		b.WriteString("Content-Length: " + strconv.Itoa(len(w.body)) + "\r\n")
	}
	if how.closes && !how.old && w.header.Get("Connection") == "" {
		b.WriteString("Connection: close\r\n")
	}
	b.WriteString("\r\n")
	if !how.isHead {
		b.Write(w.body)
	}
	return b.Bytes()
}

// answers writes the answers of those who are let in, whose connection stays. All of one Snapshot have the same fields.
type answers struct {
	of     *access.Snapshot
	pieces []piece
	date   [len(http.TimeFormat)]byte
	second int64 // of date
	answer []byte
}

// piece is a part of an answer: what is the same in all, and the value that follows.
type piece struct {
	text  string
	field int // of access.Decision.Headers
}

// Values that are no identity header's.
const (
	valueID   = -1 - iota // the decision's
	valueDate             // now
)

// allowed gives the answer. It holds until the next call.
func (a *answers) allowed(decision *access.Decision) []byte {
	if a.of != decision.Snapshot() {
		a.of, a.pieces = decision.Snapshot(), piecesOf(decision.Headers)
	}
	if now := time.Now(); now.Unix() != a.second {
		now.UTC().AppendFormat(a.date[:0], http.TimeFormat)
		a.second = now.Unix()
	}
	b := a.answer[:0]
	for _, p := range a.pieces {
		b = append(b, p.text...)
		switch p.field {
		case valueID:
			b = append(b, decision.ID...)
		case valueDate:
			b = append(b, a.date[:]...)
		default:
			b = append(b, decision.Headers[p.field].Value...)
		}
	}
	b = append(b, "\r\n\r\n"...)
	a.answer = b
	return b
}

// piecesOf puts the fields in the order in which net/http writes them: that of their names, and Date behind.
func piecesOf(headers []access.Field) []piece {
	type line struct {
		name, value string
		field       int
	}
	const none = -9
	lines := []line{{"Cache-Control", "no-store", none}, {"Content-Length", "0", none}, {"X-Claimd-Decision", "", valueID}}
	for i, header := range headers {
		lines = append(lines, line{header.Name, "", i})
	}
	slices.SortFunc(lines, func(a, b line) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	var pieces []piece
	text := "HTTP/1.1 200 OK"
	for _, l := range append(lines, line{"Date", "", valueDate}) {
		text += "\r\n" + l.name + ": " + l.value
		if l.field != none {
			pieces = append(pieces, piece{text, l.field})
			text = ""
		}
	}
	return pieces
}
