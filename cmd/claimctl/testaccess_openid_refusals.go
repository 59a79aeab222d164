package main

// grants are the methods as providers call them in the registration of a client.
var grants = map[string]string{
	methodDevice: "urn:ietf:params:oauth:grant-type:device_code", methodBrowser: "authorization_code", methodCredentials: "client_credentials",
}

// refusalWords is what an error of a provider means, and what mends it. What stands in braces is of
// the test.
type refusalWords struct {
	cause, mend string
	passes      bool // it may be gone the next time
}

// refusals has the errors of RFC 6749 sections 4.1.2.1 and 5.2, RFC 8628 section 3.5, RFC 8707 section 2 and OpenID
// Connect Core 1.0 section 3.1.2.6; with a method before it an error has another meaning there.
var refusals = map[string]refusalWords{
	"invalid_request": {
		cause: "it misses something in the question, or takes something of it for wrong",
		mend: "look at what the provider says of it; it may be that the client {client} is not allowed the grant {grant}, or that the API " +
			"has to be named (--resource, --audience)",
	},
	methodBrowser + " invalid_request": {
		cause: "it misses something in the question, or takes something of it for wrong",
		mend: "look at what the provider says of it; the redirect URI has to be registered for the client {client} (--redirect-uri), and the API " +
			"may have to be named (--resource, --audience)",
	},
	"invalid_client": {
		cause: "it does not know the client {client}, or wants it to prove itself",
		mend: "compare --client-application-id with the client's registration; if the client has a secret, give it by --client-secret-file, " +
			"and if it is to have none, register it as a public client",
	},
	"secret invalid_client": {
		cause: "it does not know the client {client}, or does not take its secret",
		mend: "compare --client-application-id and the content of --client-secret-file with the client's registration; claimctl sends the secret by " +
			"client_secret_basic, and by client_secret_post where the discovery document names it",
	},
	"invalid_grant": {
		cause: "it does not redeem the code: that is too old, was redeemed before, or is another client's",
		mend:  "run the test again; if it stays like this, look into the provider's own log",
	},
	"unauthorized_client": {
		cause: "the client {client} may not sign in by {method}",
		mend:  "allow the client the grant {grant} at the provider, or use another --method",
	},
	"unsupported_grant_type": {
		cause: "it knows no sign-in by {method}",
		mend:  "switch the grant {grant} on at the provider, or use another --method",
	},
	"unsupported_response_type": {
		cause: "the client {client} may not be given an authorization code",
		mend:  "allow the client the grant authorization_code and the response type code at the provider, or use another --method",
	},
	"invalid_scope": {
		cause: "the scope {scope} is not known to it, or the client {client} may not ask for all of it",
		mend: "define each word at the provider and allow it to the client, or ask for other words by --scope; without --scope, those of " +
			"required_scopes under [provider.{provider}] are among them",
	},
	"invalid_target": {
		cause: "it knows no API {api}, or the client {client} may not ask for it",
		mend: "register the API at the provider by exactly this name and allow it to the client, or name another one by --resource or --audience; " +
			"audiences under [provider.{provider}] has to have what aud then says",
	},
	"unnamed invalid_target": {
		cause: "it wants to be told which API the token is for",
		mend:  "name the API by --resource or --audience",
	},
	"access_denied": {
		cause: "the person at the browser declined the sign-in or the consent, or a rule of the provider did",
		mend:  "run the test again and accept; if nobody declined, let the provider admit the person to the client {client}",
	},
	methodCredentials + " access_denied": {
		cause: "the client {client} may not have a token for itself",
		mend:  "allow the client the API at the provider",
	},
	"authorization_pending": {
		cause: "nobody has signed in yet", mend: "run the test again and enter the code in time", passes: true,
	},
	"slow_down": {
		cause: "it is asked too often", mend: "run the test again in some minutes", passes: true,
	},
	"server_error": {
		cause: "it has a fault of its own", mend: "run the test again; if it stays like this, look into the provider's own log", passes: true,
	},
	"temporarily_unavailable": {
		cause: "it is overloaded or being worked on", mend: "run the test again in some minutes", passes: true,
	},
	"login_required": {
		cause: "it wants the person to sign in, and showed no page for it",
		mend:  "sign in at the provider in the same browser, and run the test again",
	},
	"interaction_required": {
		cause: "it wants something of the person, and showed no page for it",
		mend:  "sign in at the provider in the same browser and do what it asks for, and run the test again",
	},
	"consent_required": {
		cause: "nobody has consented that the client {client} gets the scope {scope}",
		mend:  "let an administrator of the provider consent for all, or run the test again and accept",
	},
}
