package token

// payloadLimits bound the payload; they are far from what Entra ID issues.
var payloadLimits = limits{depth: 64, members: 2000}

// unverifiedClaims are the raw values of the four claims that pick provider and key, read before the signature holds;
// nil where absent. They decide nothing else.
type unverifiedClaims struct {
	iss, aud, tid, ver []byte
}

// scan reads the four claims in one pass over the whole payload that allocates nothing for what else is there. ok is
// false where the payload is no JSON object within the limits, or holds one of the four twice or in another case.
func scan(unverifiedPayload []byte) (u unverifiedClaims, ok bool) {
	into := [...]*[]byte{&u.iss, &u.aud, &u.tid, &u.ver} // as scannedNames
	buffer := make([]byte, longestName)
	ok = eachMember(unverifiedPayload, payloadLimits, func(name, value []byte) bool {
		if len(name) > longestName {
			return true
		}
		index, folded, known := named(scannedNames, unquotedInto(buffer, name))
		if !known {
			return true
		}
		if folded || *into[index] != nil {
			return false
		}
		*into[index] = value
		return true
	})
	return u, ok
}
