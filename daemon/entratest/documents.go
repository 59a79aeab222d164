package entratest

// document gives the discovery document of version 1 or 2, member for member like Microsoft's (learn.microsoft.com,
// identity-platform/v2-protocols-oidc), but that no address in it leads off the tenant. appID is that of ?appid=: the
// key set is then named with it too.
func (t *Tenant) document(version int, appID string, faults Faults) map[string]any {
	tenant := t.base + "/" + t.directory.TenantID
	endpoints, keys, userinfo := tenant+"/oauth2/", tenant+"/discovery/keys", tenant+"/openid/userinfo"
	if version == 2 {
		endpoints, keys, userinfo = tenant+"/oauth2/v2.0/", tenant+"/discovery/v2.0/keys", tenant+"/oidc/userinfo"
	}
	if appID != "" {
		keys += "?appid=" + appID
	}
	document := map[string]any{
		"issuer":                                t.Issuer(version),
		"jwks_uri":                              keys,
		"authorization_endpoint":                endpoints + "authorize",
		"token_endpoint":                        endpoints + "token",
		"device_authorization_endpoint":         endpoints + "devicecode",
		"end_session_endpoint":                  endpoints + "logout",
		"userinfo_endpoint":                     userinfo,
		"kerberos_endpoint":                     tenant + "/kerberos",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "client_secret_basic"},
		"response_modes_supported":              []string{"query", "fragment", "form_post"},
		"response_types_supported":              []string{"code", "id_token", "code id_token", "id_token token"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
		"claims_supported": []string{"sub", "iss", "cloud_instance_name", "cloud_instance_host_name",
			"cloud_graph_host_name", "msgraph_host", "aud", "exp", "iat", "auth_time", "acr", "nonce", "preferred_username",
			"name", "tid", "ver", "at_hash", "c_hash", "email"},
		"request_uri_parameter_supported": false,
		"http_logout_supported":           true,
		"frontchannel_logout_supported":   true,
		"tenant_region_scope":             "EU",
		"cloud_instance_name":             "localhost",
		"cloud_graph_host_name":           "localhost",
		"msgraph_host":                    t.graphHost(),
		"rbac_url":                        t.base,
	}
	if version == 1 {
		document["microsoft_multi_refresh_token"] = true
		document["scopes_supported"] = []string{"openid"}
	}
	if faults.ExtraMembers {
		addStrangers(document)
	}
	return document
}

// addStrangers adds members that nobody knows: what reads Entra's documents, keys and tokens must not mind them.
func addStrangers(members map[string]any) {
	members["xms_stranger"] = "a member of tomorrow"
	members["stranger/object"] = map[string]any{"keys": []any{nil, 1.5, true}, "iss": "https://stranger.invalid/"}
}
