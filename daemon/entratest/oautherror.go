package entratest

import (
	"fmt"
	"time"
)

// failure is one way in which Entra refuses, with its number and text (learn.microsoft.com, identity-platform/
// reference-error-codes).
type failure struct {
	code   int    // AADSTS number
	oauth  string // RFC 6749 5.2
	format string
}

var (
	faultAsked    = failure{90033, "temporarily_unavailable", "A transient error has occurred. fakeentra was told to answer %d."}
	noSuchTenant  = failure{90002, "invalid_tenant", "Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."}
	noParameter   = failure{900144, "invalid_request", "The request body must contain the following parameter: '%s'."}
	noSuchGrant   = failure{70003, "unsupported_grant_type", "The app requested an unsupported grant type '%s'."}
	noSuchClient  = failure{700016, "unauthorized_client", "Application with identifier '%s' was not found in the directory '%s'."}
	publicClient  = failure{700025, "invalid_client", "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."}
	noSecret      = failure{7000216, "invalid_client", "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type."}
	wrongSecret   = failure{7000215, "invalid_client", "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '%s'."}
	wrongScope    = failure{1002012, "invalid_scope", "The provided value for scope %s is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."}
	noSuchAPI     = failure{500011, "invalid_resource", "The resource principal named %s was not found in the tenant named %s. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant."}
	noServiceUser = failure{7000112, "unauthorized_client", "Application '%s' is disabled: the directory gives it no object_id."}
)

// oauthError is the body of a refusal in Microsoft's form.
type oauthError struct {
	Error         string `json:"error"`
	Description   string `json:"error_description"`
	Codes         []int  `json:"error_codes"`
	Timestamp     string `json:"timestamp"`
	TraceID       string `json:"trace_id"`
	CorrelationID string `json:"correlation_id"`
	URI           string `json:"error_uri"`
}

func (t *Tenant) oauthError(f failure, arguments ...any) oauthError {
	now := time.Now().UTC().Format("2006-01-02 15:04:05Z")
	trace, correlation := inventedGUID(randomText(8), 0), inventedGUID(randomText(8), 1)
	return oauthError{
		Error: f.oauth,
		Description: fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s",
			f.code, fmt.Sprintf(f.format, arguments...), trace, correlation, now),
		Codes:         []int{f.code},
		Timestamp:     now,
		TraceID:       trace,
		CorrelationID: correlation,
		URI:           fmt.Sprintf("%s/error?code=%d", t.base, f.code),
	}
}
