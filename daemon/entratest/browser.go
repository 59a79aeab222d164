package entratest

import (
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

var (
	hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
	formAction  = regexp.MustCompile(`<form id="(\w+)" method="post" action="([^"]*)">`)
	pageRefusal = regexp.MustCompile(`<p id="refusal">([^<]*)</p>`)
)

// Browse is a person with a browser: it opens the address of an authorization request of this tenant, signs the user of
// that name in, and follows where that leads, which is the client's redirect URI. With user "" the person declines. The
// error tells what the tenant's page says, where it says that the sign-in is refused. MSAL's WithOpenURL takes it.
func (t *Tenant) Browse(address, user string) error {
	client := t.Client()
	response, err := client.Get(address)
	if err != nil {
		return err
	}
	shown, err := readPage(response)
	if err != nil {
		return err
	}
	form := shown.fields
	form.Set("user", user)
	if user == "" {
		form.Set("answer", "decline")
	}
	if shown.form == "signin" {
		response, err = client.PostForm(t.base+shown.action, form)
		if err != nil {
			return err
		}
		if shown, err = readPage(response); err != nil {
			return err
		}
	}
	if shown.form != "back" {
		return nil // redirected to the client, which has answered
	}
	response, err = client.PostForm(shown.action, shown.fields)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// shownPage is what a browser would show.
type shownPage struct {
	form   string // its id; "" = none
	action string
	fields url.Values
}

// readPage reads the tenant's page, or whatever the client has answered; the error is what the tenant refuses with.
func readPage(response *http.Response) (shownPage, error) {
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return shownPage{}, err
	}
	text := string(body)
	if refusal := pageRefusal.FindStringSubmatch(text); refusal != nil {
		return shownPage{}, errors.New(html.UnescapeString(refusal[1]))
	}
	if response.StatusCode == http.StatusBadRequest && strings.Contains(text, "AADSTS") {
		return shownPage{}, fmt.Errorf("the tenant answers %s", text)
	}
	shown := shownPage{fields: url.Values{}}
	if form := formAction.FindStringSubmatch(text); form != nil {
		shown.form, shown.action = form[1], html.UnescapeString(form[2])
	}
	for _, field := range hiddenField.FindAllStringSubmatch(text, -1) {
		shown.fields.Set(html.UnescapeString(field[1]), html.UnescapeString(field[2]))
	}
	return shown, nil
}
