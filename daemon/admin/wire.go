package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"
)

// problem is the body of every answer that is not 200.
type problem struct {
	Problem string `json:"problem"`
	Hint    string `json:"hint,omitempty"`
}

// refuse answers with a problem in words for an administrator.
func refuse(w http.ResponseWriter, status int, text, hint string) {
	write(w, status, problem{Problem: text, Hint: hint})
}

// answer writes 200 and the value. The time to take it begins now, however long the question took.
func (s *Server) answer(w http.ResponseWriter, value any) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.limits.write))
	write(w, http.StatusOK, value)
}

func write(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil { // no value of this package has a type that JSON lacks
		http.Error(w, "the answer cannot be written as JSON", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}

// readNothing sees to it that the request has no body; false: refused.
func readNothing(w http.ResponseWriter, r *http.Request) bool {
	if r.ContentLength != 0 {
		w.Header().Set("Connection", "close")
		refuse(w, http.StatusBadRequest, "want a request without a body", "")
		return false
	}
	return ready(w)
}

// readJSON reads the body into value: one JSON object with known members only and nothing after it; false: refused.
func readJSON(w http.ResponseWriter, r *http.Request, value any) bool {
	if r.Header.Get("Content-Type") != "application/json" {
		w.Header().Set("Connection", "close")
		refuse(w, http.StatusUnsupportedMediaType, "want a body of type application/json", "")
		return false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		refuse(w, http.StatusRequestEntityTooLarge, "the request is larger than "+strconv.Itoa(maxBody>>10)+" KiB", "")
		return false
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		w.Header().Set("Connection", "close")
		refuse(w, http.StatusRequestTimeout, "the body did not arrive in time", "")
		return false
	}
	if err != nil || decodeStrictly(body, value) != nil {
		refuse(w, http.StatusBadRequest, "the body is not the JSON that is wanted here", "")
		return false
	}
	return ready(w)
}

func decodeStrictly(body []byte, value any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(value); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON object")
	}
	return nil
}

// ready ends the body's deadline: from now on the connection is read only to see whether the client is still there,
// and a deadline that passed would look as if it had gone.
func ready(w http.ResponseWriter) bool {
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	return true
}
