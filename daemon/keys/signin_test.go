package keys

import "testing"

// What claimd itself never uses does not make keys bad, whatever it is; and an address that may not be asked is none.
func TestADocumentTellsWhereClientsSignIn(t *testing.T) {
	const http = "http://127.0.0.1:9/"
	for name, row := range map[string]struct {
		document object
		want     SignInEndpoints
	}{
		"nothing": {object{}, SignInEndpoints{SecretByHeader: true}},
		"all": {object{
			"authorization_endpoint": "https://a.example/auth?x=1", "token_endpoint": http + "token", "device_authorization_endpoint": "https://d.example/",
			"token_endpoint_auth_methods_supported": []string{"client_secret_post", "client_secret_basic", "private_key_jwt"},
		}, SignInEndpoints{"https://a.example/auth?x=1", http + "token", "https://d.example/", true, true}},
		"by form alone": {object{"token_endpoint_auth_methods_supported": []string{"client_secret_post"}}, SignInEndpoints{SecretByForm: true}},
		"by none":       {object{"token_endpoint_auth_methods_supported": []string{}}, SignInEndpoints{}},
		"not to be asked": {object{
			"authorization_endpoint": "http://idp.example/", "token_endpoint": "file:///etc/passwd", "device_authorization_endpoint": "https://a:b@x/",
		}, SignInEndpoints{SecretByHeader: true}},
		"in another form": {object{
			"authorization_endpoint": 7, "token_endpoint": []string{"https://x/"}, "device_authorization_endpoint": object{},
			"token_endpoint_auth_methods_supported": "client_secret_basic",
		}, SignInEndpoints{}},
	} {
		o := openIDAt(t, "/", rsaJWK("a", keyA()))
		o.document = row.document
		p := ringOf(t, Options{}).Open(o.source())
		if got := p.SignInEndpoints(); got != (SignInEndpoints{}) {
			t.Errorf("%s: want nothing before the first fetch, got %+v", name, got)
		}
		refreshed(t, p)
		if got := p.SignInEndpoints(); got != row.want {
			t.Errorf("%s: want %+v, got %+v", name, row.want, got)
		}
	}
	e := served(t, rsaJWK("a", keyA()))
	e.documents = object{"token_endpoint": "https://login.microsoftonline.com/x"}
	if got := opened(t, e).SignInEndpoints(); got != (SignInEndpoints{}) {
		t.Errorf("Entra ID: want nothing, got %+v", got)
	}
}
