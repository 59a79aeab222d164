package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/claimd/claimd/daemon/admin"
)

// The exit statuses of every verb.
const (
	exitYes     = 0 // yes, or done
	exitNo      = 1 // no, or refused
	exitUsage   = 2 // wrong usage
	exitUnknown = 3 // could not find out
)

// failure ends claimctl with another status than 0.
type failure struct {
	code int
	text string // for standard error; "" where the answer on standard output says it all
	hint string // "" = none
}

func (f *failure) Error() string { return f.text }

// refused is the end of a verb whose answer, already printed, is no.
func refused() error { return &failure{code: exitNo} }

// misused is the end of a verb that was called in a wrong way; verb is "" for claimctl itself.
func misused(verb, format string, values ...any) error {
	hint := "claimctl --help"
	if verb != "" {
		hint = "claimctl " + verb + " --help"
	}
	return &failure{code: exitUsage, text: fmt.Sprintf(format, values...), hint: hint}
}

// report writes what keeps claimctl from its work to standard error, and gives the exit status.
func (t *tool) report(err error) int {
	if err == nil {
		return exitYes
	}
	f, ok := errors.AsType[*failure](err)
	if !ok {
		f = &failure{code: codeOf(err), text: err.Error()}
	}
	if errors.Is(err, context.Canceled) {
		f = &failure{code: exitUnknown, text: "interrupted"}
	}
	if f.text != "" {
		fmt.Fprint(t.stderr, "claimctl: "+problemText(f.text))
	}
	if f.hint != "" {
		fmt.Fprintln(t.stderr, "  hint: "+safeLines(f.hint))
	}
	return f.code
}

// codeOf tells a daemon that said no (there is no such provider) from one that could not be asked.
func codeOf(err error) int {
	if refusal, ok := errors.AsType[*admin.Refusal](err); ok && refusal.Status == http.StatusUnprocessableEntity {
		return exitNo
	}
	return exitUnknown
}
