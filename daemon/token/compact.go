package token

import (
	"encoding/base64"
	"strings"

	"github.com/claimd/claimd/daemon/reason"
)

// MaxSize is the largest token that is looked at, in bytes.
const MaxSize = 32 << 10

// strictBase64 is the base64url of RFC 7515 section 2 (no padding), with trailing bits zero: else one token could be
// written in several ways. The decoder passes over CR and LF even so; splitCompact refuses them.
var strictBase64 = base64.RawURLEncoding.Strict()

// compact is a token in the JWS compact serialization (RFC 7515 section 7.1), decoded.
type compact struct {
	signed    string // what is signed: header and payload as they were sent
	header    []byte
	payload   []byte
	signature []byte
}

// splitCompact takes raw apart. problem is for people.
//
// OpaqueToken is what has no JWT form: one part, or a number of parts that no JWT has and a beginning that no JWT
// has. Three parts are always taken for a JWT, and five for a JWE, which is never decrypted.
func splitCompact(raw string) (c compact, why reason.Reason, problem string) {
	if why, problem = formOf(raw); why != reason.None {
		return c, why, problem
	}
	dot := strings.LastIndexByte(raw, '.')
	header, payload, _ := strings.Cut(raw[:dot], ".")
	signature := raw[dot+1:]
	if base64.RawURLEncoding.DecodedLen(len(header)) > maxHeader {
		return c, reason.Malformed, "a header of more than 2 KiB"
	}
	if strings.IndexByte(raw, '\n') >= 0 || strings.IndexByte(raw, '\r') >= 0 {
		return c, reason.Malformed, "a line break"
	}
	c.signed = raw[:dot]
	buffer := make([]byte, 0, base64.RawURLEncoding.DecodedLen(len(raw)))
	for _, part := range []struct {
		text string
		into *[]byte
	}{{header, &c.header}, {payload, &c.payload}, {signature, &c.signature}} {
		start := len(buffer)
		var err error
		buffer, err = strictBase64.AppendDecode(buffer, []byte(part.text))
		if err != nil || start == len(buffer) {
			return compact{}, reason.Malformed, "an empty part, or one that is not base64url without padding"
		}
		*part.into = buffer[start:len(buffer):len(buffer)]
	}
	return c, reason.None, ""
}

// IsOpaque reports whether raw is no JWT, whole or in pieces, so that Verify could say nothing but OpaqueToken. It
// allocates nothing.
func IsOpaque(raw string) bool {
	why, _ := formOf(raw)
	return why == reason.OpaqueToken
}

// formOf gives None for three parts, whatever they hold. problem is for people.
func formOf(raw string) (why reason.Reason, problem string) {
	if len(raw) > MaxSize {
		return reason.Malformed, "more than 32 KiB"
	}
	switch parts := strings.Count(raw, ".") + 1; {
	case raw == "":
		return reason.Malformed, "nothing"
	case parts == 5:
		return reason.Malformed, "five parts: an encrypted token (JWE)"
	case parts != 3 && parts > 1 && strings.HasPrefix(raw, jsonObjectBase64):
		return reason.Malformed, "a JWT with parts missing or added"
	case parts != 3:
		return reason.OpaqueToken, "a token that is no JWT"
	}
	return reason.None, ""
}

// jsonObjectBase64 begins the base64url of every JSON object that begins with a member.
const jsonObjectBase64 = "eyJ"
