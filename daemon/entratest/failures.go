package entratest

// failure is one way in which Entra refuses: its number (learn.microsoft.com, identity-platform/reference-error-codes)
// and the OAuth error that comes with it. The sentences are the fake's own.
type failure struct {
	code       int    // AADSTS number
	oauth      string // RFC 6749 5.2, RFC 8628 3.5, or one of Microsoft's
	suberror   string // "" = none
	format     string
	badRequest bool // status 400 although oauth is invalid_client
}

// What is wrong with the request itself.
var (
	faultAsked     = failure{code: 90033, oauth: "temporarily_unavailable", format: "fakeentra was told to answer %d."}
	noSuchTenant   = failure{code: 90002, oauth: "invalid_tenant", format: "There is no tenant '%s' here."}
	malformed      = failure{code: 9002313, oauth: "invalid_request", format: "The request cannot be read."}
	noParameter    = failure{code: 900144, oauth: "invalid_request", format: "The request lacks the parameter '%s'."}
	noField        = failure{code: 90014, oauth: "invalid_request", format: "The credential lacks the required field '%s'."}
	noSuchGrant    = failure{code: 70003, oauth: "unsupported_grant_type", format: "The grant type '%s' is not supported."}
	noSuchResponse = failure{code: 700054, oauth: "unsupported_response_type", format: "The response_type '%s' is not enabled for the application."}
	wrongRedirect  = failure{code: 50011, oauth: "invalid_request", format: "The redirect URI '%s' is none of those registered for the application '%s'."}
	mustInteract   = failure{code: 50058, oauth: "login_required", format: "prompt=none was asked for, and nobody is signed in."}
)

// What is wrong with the client and its credential.
var (
	noSuchClient    = failure{code: 700016, oauth: "unauthorized_client", format: "Application '%s' was not found in the directory '%s'."}
	clientDisabled  = failure{code: 7000112, oauth: "unauthorized_client", format: "Application '%s' is disabled."}
	noServiceUser   = failure{code: 7000112, oauth: "unauthorized_client", format: "Application '%s' is disabled: the directory gives it no object_id."}
	publicClient    = failure{code: 700025, oauth: "invalid_client", format: "The client is public: it must send neither 'client_secret' nor 'client_assertion'."}
	noCredential    = failure{code: 7000218, oauth: "invalid_client", format: "The request lacks the parameter 'client_assertion' or 'client_secret'."}
	noSecret        = failure{code: 7000216, oauth: "invalid_client", format: "The grant 'client_credentials' needs 'client_assertion' or 'client_secret'."}
	wrongSecret     = failure{code: 7000215, oauth: "invalid_client", format: "The client secret is not one of the application '%s'; it must be the secret's value, not its id."}
	secretExpired   = failure{code: 7000222, oauth: "invalid_client", format: "The client secret of the application '%s' has expired."}
	assertionBroken = failure{code: 50027, oauth: "invalid_client", format: "The client assertion cannot be read as a JWT."}
	assertionClient = failure{code: 700021, oauth: "invalid_client", format: "The client assertion names another application than 'client_id'."}
	assertionFor    = failure{code: 700023, oauth: "invalid_client", format: "The client assertion is for another audience than this tenant."}
	assertionTime   = failure{code: 700024, oauth: "invalid_client", format: "The client assertion is outside its time."}
	assertionKey    = failure{code: 700027, oauth: "invalid_client", format: "The client assertion is not signed with a certificate of the application '%s'."}
	onBehalfOfApp   = failure{code: 7000113, oauth: "unauthorized_client", format: "Application '%s' may not call on behalf of an application."}
)

// What is wrong with what was asked for.
var (
	wrongScope      = failure{code: 1002012, oauth: "invalid_scope", format: "The scope %s is not valid: for client credentials it is a resource and /.default."}
	badScope        = failure{code: 70011, oauth: "invalid_scope", format: "The scope %s is not valid."}
	manyResources   = failure{code: 28000, oauth: "invalid_request", format: "The scope %s names more than one resource."}
	noSuchAPI       = failure{code: 500011, oauth: "invalid_resource", format: "The resource %s was not found in the tenant %s."}
	noSuchScope     = failure{code: 650053, oauth: "invalid_client", badRequest: true, format: "The application '%s' asked for scope '%s', which the resource '%s' does not have."}
	notSubscribed   = failure{code: 650052, oauth: "invalid_client", badRequest: true, format: "The application needs access to a service ('%s') that the organization '%s' has not enabled."}
	notListed       = failure{code: 650057, oauth: "invalid_resource", format: "The resource '%s' is not among the permissions in the registration of the application '%s'."}
	notAssignedApp  = failure{code: 501051, oauth: "invalid_grant", format: "Application '%s' is not assigned to a role of the application '%s'."}
	noMappingKey    = failure{code: 50146, oauth: "invalid_request", format: "The application '%s' has a claims mapping, and neither a signing key of its own nor acceptMappedClaims."}
	mappingAudience = failure{code: 501461, oauth: "invalid_request", format: "acceptMappedClaims needs the application's GUID or a verified domain as audience, not '%s'."}
)

// What is wrong with the user, or with what stands for one.
var (
	noSuchUser      = failure{code: 50034, oauth: "invalid_grant", format: "The user account '%s' does not exist in the directory %s."}
	foreignUser     = failure{code: 50020, oauth: "invalid_grant", format: "The user account '%s' is of another identity provider, and no guest in the tenant '%s'."}
	userDisabled    = failure{code: 50057, oauth: "invalid_grant", format: "The user account is disabled."}
	wantsMFA        = failure{code: 50076, oauth: "invalid_grant", suberror: "basic_action", format: "Multi-factor authentication is required for '%s'."}
	wantsEnrollment = failure{code: 50079, oauth: "invalid_grant", suberror: "basic_action", format: "The user must enroll in multi-factor authentication for '%s'."}
	policyBlocks    = failure{code: 53003, oauth: "invalid_grant", suberror: "message_only", format: "Conditional Access does not let a token be issued."}
	noConsent       = failure{code: 65001, oauth: "invalid_grant", suberror: "consent_required", format: "Neither the user nor an administrator has consented to the application '%s'."}
	declined        = failure{code: 65004, oauth: "access_denied", format: "The user declined to consent to the application."}
	notAssigned     = failure{code: 50105, oauth: "invalid_grant", format: "The user '%s' is not assigned to the application '%s'."}
	crossCloud      = failure{code: 900432, oauth: "invalid_request", format: "A confidential client is not supported across clouds."}
)

// How the grants end.
var (
	devicePending   = failure{code: 70016, oauth: "authorization_pending", format: "The user has not signed in yet."}
	deviceSlower    = failure{code: 70016, oauth: "slow_down", format: "The user has not signed in yet; ask less often."}
	deviceDeclined  = failure{code: 65004, oauth: "authorization_declined", format: "The user declined to sign in."}
	deviceExpired   = failure{code: 70020, oauth: "expired_token", format: "The device code has expired."}
	userCodeExpired = failure{code: 70019, oauth: "expired_token", format: "The code has expired."} // on the page
	deviceUnknown   = failure{code: 70018, oauth: "bad_verification_code", format: "The device code is not known."}
	wrongCode       = failure{code: 70000, oauth: "invalid_grant", format: "The authorization code is not valid."}
	codeExpired     = failure{code: 70008, oauth: "invalid_grant", format: "The authorization code has expired."}
	codeUsed        = failure{code: 54005, oauth: "invalid_grant", format: "The authorization code was redeemed before."}
	codeRedirect    = failure{code: 500112, oauth: "invalid_grant", format: "The redirect URI '%s' is not the one of the authorization request."}
	noVerifier      = failure{code: 50148, oauth: "invalid_grant", format: "The authorization request had a code_challenge: the request lacks the code_verifier."}
	wrongVerifier   = failure{code: 501481, oauth: "invalid_grant", format: "The code_verifier does not fit the code_challenge."}
	wrongRefresh    = failure{code: 70000, oauth: "invalid_grant", suberror: "bad_token", format: "The refresh token is not valid."}
	refreshExpired  = failure{code: 70043, oauth: "invalid_grant", suberror: "bad_token", format: "The refresh token has expired by the sign-in frequency of Conditional Access."}
	refreshInactive = failure{code: 700082, oauth: "invalid_grant", suberror: "bad_token", format: "The refresh token has expired by inactivity."}
)

// everyFailure is what Faults.Refuse finds its numbers in; of two with one number the first is meant.
var everyFailure = []failure{
	faultAsked, noSuchTenant, malformed, noParameter, noField, noSuchGrant, noSuchResponse, wrongRedirect, mustInteract,
	noSuchClient, clientDisabled, publicClient, noCredential, noSecret, wrongSecret, secretExpired, assertionBroken,
	assertionClient, assertionFor, assertionTime, assertionKey, onBehalfOfApp,
	wrongScope, badScope, manyResources, noSuchAPI, noSuchScope, notSubscribed, notListed, notAssignedApp, noMappingKey,
	mappingAudience,
	noSuchUser, foreignUser, userDisabled, wantsMFA, wantsEnrollment, policyBlocks, noConsent, declined, notAssigned,
	crossCloud,
	devicePending, userCodeExpired, deviceExpired, deviceUnknown, wrongCode, codeExpired, codeUsed, codeRedirect, noVerifier,
	wrongVerifier, refreshExpired, refreshInactive,
}

// canned gives the refusal of that number without the particulars of a request; one that it does not know is
// an invalid_request.
func canned(code int) *refusal {
	for _, failure := range everyFailure {
		if failure.code == code {
			return &refusal{failure: failure, text: "fakeentra was told to refuse with this number."}
		}
	}
	unknown := failure{code: code, oauth: "invalid_request"}
	return &refusal{failure: unknown, text: "fakeentra was told to refuse with this number."}
}
