package token

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/claimd/claimd/daemon/reason"
	"github.com/claimd/claimd/mapping"
)

// This file is a second model of what a token may look like, as plain as it can be. It shares no code with the verifier
// and is built on encoding/json, which the verifier does not use.

var errNaive = errors.New("not what the contract lets in")

// naiveObject reads one JSON object: UTF-8, no member twice at any depth, no lone surrogate, no number over 64 bytes, and
// nothing after it.
func naiveObject(data []byte, depth, members int) (map[string]json.RawMessage, error) {
	if !utf8.Valid(data) || !json.Valid(data) || holdsLoneSurrogate(data) || bytes.TrimLeft(data, " \t\r\n")[0] != '{' {
		return nil, errNaive
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := naiveWalk(decoder, depth, &members); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errNaive
	}
	var object map[string]json.RawMessage
	return object, json.Unmarshal(data, &object)
}

// naiveWalk reads one value.
func naiveWalk(decoder *json.Decoder, depth int, members *int) error {
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	if number, ok := token.(json.Number); ok && len(number) > 64 {
		return errNaive
	}
	opening, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	if depth == 0 {
		return errNaive
	}
	seen := map[string]bool{}
	for decoder.More() {
		if opening == '{' {
			token, err := decoder.Token()
			name, ok := token.(string)
			if *members--; err != nil || !ok || seen[name] || *members < 0 {
				return errNaive
			}
			seen[name] = true
		}
		if err := naiveWalk(decoder, depth-1, members); err != nil {
			return err
		}
	}
	_, err = decoder.Token()
	return err
}

var escapes = regexp.MustCompile(`\\(u[0-9a-fA-F]{4}|.)`)

// holdsLoneSurrogate looks through the escapes of valid JSON, which stand in strings alone.
func holdsLoneSurrogate(data []byte) bool {
	high := -1 // where the low half must follow
	for _, place := range escapes.FindAllIndex(data, -1) {
		escape := string(data[place[0]:place[1]])
		var unit uint64
		if strings.HasPrefix(escape, `\u`) {
			unit, _ = strconv.ParseUint(escape[2:], 16, 16)
		}
		isLow := unit >= 0xDC00 && unit <= 0xDFFF
		if (high >= 0) != isLow || isLow && high != place[0] {
			return true
		}
		high = -1
		if unit >= 0xD800 && unit <= 0xDBFF {
			high = place[1]
		}
	}
	return high >= 0
}

// naiveHeader gives the reason for which a token of contoso with this header is refused before its claims are read; None
// where the header is one of its RSA key. unknown tells that the key id is nobody's.
func naiveHeader(data []byte) (why reason.Reason, unknown bool) {
	object, err := naiveObject(data, 2, len(data))
	if err != nil || len(data) > 2048 {
		return reason.Malformed, false
	}
	for name := range object {
		for _, known := range strings.Fields("alg kid typ cty crit b64 jku jwk x5u x5c x5t x5t#S256 enc zip nonce") {
			if strings.EqualFold(name, known) && name != known {
				return reason.Malformed, false
			}
		}
		if slices.Contains(strings.Fields("cty crit b64 jku jwk x5u x5c enc zip"), name) {
			return reason.Malformed, false
		}
	}
	alg, kid, typ := naiveText(object["alg"]), naiveText(object["kid"]), naiveText(object["typ"])
	_, graph := object["nonce"]
	switch {
	case alg == nil || *alg == "" || typ == nil || kid == nil && object["kid"] != nil:
		return reason.Malformed, false
	case !slices.Contains([]string{"jwt", "at+jwt", "application/at+jwt"}, strings.ToLower(*typ)):
		return reason.Malformed, false
	case *alg != "RS256":
		return reason.Algorithm, false
	case kid == nil || *kid == "":
		return reason.Key, false
	case graph:
		return reason.GraphToken, false
	case *kid == "rsa":
		return reason.None, false
	}
	return reason.Key, *kid != "rsa-ps" && *kid != "ec"
}

// naiveText gives the characters of a JSON string; nil for anything else.
func naiveText(raw json.RawMessage) *string {
	var text string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &text) != nil {
		return nil
	}
	return &text
}

// naivePayload gives the claims of a payload that is well-formed.
func naivePayload(data []byte) (map[string]json.RawMessage, error) {
	object, err := naiveObject(data, 64, 2000)
	if err != nil {
		return nil, err
	}
	for name := range object {
		for _, guarded := range strings.Fields("iss aud exp nbf iat sub tid oid ver azp appid scp idtyp _claim_names hasgroups") {
			if strings.EqualFold(name, guarded) && name != guarded {
				return nil, errNaive
			}
		}
	}
	return object, nil
}

// naiveValue decodes a claim as the contract says under "Claim values".
func naiveValue(raw json.RawMessage) mapping.Value {
	var decoded any
	if err := json.Unmarshal(raw, &decoded); err != nil {
		return mapping.Value{Kind: mapping.Other} // a number that is too large for a float
	}
	switch value := decoded.(type) {
	case nil:
		return mapping.Value{}
	case string:
		return mapping.Value{Kind: mapping.String, Text: value}
	case []any:
		list := make([]string, len(value))
		for i, element := range value {
			text, ok := element.(string)
			if !ok {
				return mapping.Value{Kind: mapping.Other}
			}
			list[i] = text
		}
		return mapping.Value{Kind: mapping.Strings, List: list}
	}
	return mapping.Value{Kind: mapping.Other}
}

// naiveInstant reads a NumericDate in seconds; ok is false where the contract calls it malformed.
func naiveInstant(raw json.RawMessage) (seconds *big.Rat, ok bool) {
	number := string(raw)
	if !json.Valid(raw) || strings.Trim(number, "0123456789.eE+-") != "" || strings.HasPrefix(number, "-") {
		return nil, false
	}
	mantissa, exponent, _ := strings.Cut(strings.ToLower(number), "e")
	if strings.Trim(mantissa, "0.") == "" {
		return new(big.Rat), true
	}
	if power, err := strconv.Atoi("0" + strings.TrimLeft(exponent, "+-")); err != nil || power > 200 {
		if strings.HasPrefix(exponent, "-") {
			return new(big.Rat), true // as near to zero as makes no difference
		}
		return nil, false
	}
	seconds, ok = new(big.Rat).SetString(number)
	return seconds, ok && seconds.Cmp(new(big.Rat).SetInt64(1<<40)) <= 0
}

var threeParts = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)

// naiveCompact takes a token apart: three segments whose bytes have no other spelling in base64url.
func naiveCompact(raw string) (parts [3][]byte, why reason.Reason) {
	segments := strings.Split(raw, ".")
	switch count := len(segments); {
	case raw == "", len(raw) > 32<<10, count == 5, count > 1 && count != 3 && strings.HasPrefix(raw, "eyJ"):
		return parts, reason.Malformed
	case count != 3:
		return parts, reason.OpaqueToken
	case !threeParts.MatchString(raw):
		return parts, reason.Malformed
	}
	for i, segment := range segments {
		decoded, err := base64.RawURLEncoding.DecodeString(segment)
		if err != nil || base64.RawURLEncoding.EncodeToString(decoded) != segment {
			return parts, reason.Malformed
		}
		parts[i] = decoded
	}
	return parts, reason.None
}
