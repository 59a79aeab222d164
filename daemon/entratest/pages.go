package entratest

import (
	_ "embed"
	"html/template"
	"net/http"
	"net/url"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page.html").Parse(pageText))

// page is what the tenant shows in a browser: a refusal, a form that sends itself to a client, or the sign-in form for
// a user code or for an authorization request.
type page struct {
	Refusal string
	Said    string  // what has come of a sign-in
	Action  string  // where the form goes
	Fields  []field // that a form which sends itself to the client has
	Client  string  // the application that the user signs in to
	Request string  // the query of the authorization request
	Code    string  // the user code as far as it is known
	Hint    string  // who signs in, as far as that is known
	Users   []User
}

type field struct{ Name, Value string }

func (t *Tenant) showPage(w http.ResponseWriter, status int, content page) {
	content.Users = t.directory.Users
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store, no-cache")
	w.WriteHeader(status)
	_ = pageTemplate.Execute(w, content) // the client is gone: nobody is left to tell
}

// deviceLoginPage shows the verification page of the device code flow.
func (t *Tenant) deviceLoginPage(w http.ResponseWriter, r *http.Request) {
	t.showPage(w, http.StatusOK, page{Action: r.URL.Path, Code: r.URL.Query().Get("user_code")})
}

// deviceLoginForm is what the verification page sends: user_code, user, and answer=decline of who says no.
func (t *Tenant) deviceLoginForm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		t.showPage(w, http.StatusBadRequest, page{Refusal: malformed.with().Error()})
		return
	}
	said, err := t.answerDevice(r.PostForm)
	if err != nil {
		t.showPage(w, http.StatusBadRequest, page{Refusal: err.Error()})
		return
	}
	t.showPage(w, http.StatusOK, page{Said: said})
}

// answerDevice does what the person wants, and gives what to tell.
func (t *Tenant) answerDevice(form url.Values) (string, error) {
	code := form.Get("user_code")
	if form.Get("answer") == "decline" {
		return "You have declined. You may close this window.", t.Decline(code)
	}
	return "You have signed in. You may close this window.", t.SignIn(code, form.Get("user"))
}
