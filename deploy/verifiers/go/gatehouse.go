// Package gatehouse verifies what Gatehouse sends to an upstream. Go 1.21 or later, standard library only; ../README.md says
// which of the two to use.
//
//	verifier, err := gatehouse.NewAssertionVerifier(gatehouse.AssertionOptions{JWKSURL: jwks, Issuer: gateway, Audience: "legacy"})
//	identity, refusal := verifier.Verify(request) // NewSignatureVerifier(SignatureOptions{Keys: keys, Fields: names}) likewise
//	if refusal != nil { http.Error(w, "", refusal.Status()); return } // else: identity.Tenant, identity.Subject, …
//
// A verifier never panics about a request: what cannot be verified is a *Refusal, and the identity is nil.
package gatehouse

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	longestAssertion = 16_384
	deepestJSON      = 64
	// Seconds: between two questions for the keys; of an answer without max-age; past it, while nobody answers.
	coolDown      = 10
	defaultMaxAge = 300
	stale         = 600
)

// Refusal is why a request has no identity.
type Refusal struct {
	Code  string
	Cause any
}

func (refusal *Refusal) Error() string { return "gatehouse: " + refusal.Code }

// Status is 503 if the keys cannot be had, else 401.
func (refusal *Refusal) Status() int {
	if refusal.Code == "keys_unavailable" {
		return http.StatusServiceUnavailable
	}
	return http.StatusUnauthorized
}

func check(condition bool, code string) {
	if !condition {
		panic(&Refusal{Code: code})
	}
}

// settle turns whatever was thrown into a refusal. It is deferred with pointers to the results.
func settle[T any](identity **T, refusal **Refusal) {
	thrown := recover()
	if thrown == nil {
		return
	}
	*identity = nil
	if known, ok := thrown.(*Refusal); ok {
		*refusal = known
	} else {
		*refusal = &Refusal{Code: "internal", Cause: thrown}
	}
}

// fields are values by name; names that some server takes for one (X_Tenant_Id, X-Tenant-Id) are one.
type fields map[string][]string

var notAlphanumeric = regexp.MustCompile(`[^a-z0-9]`)

func fold(name string) string { return notAlphanumeric.ReplaceAllString(strings.ToLower(name), "-") }

func fieldsOf(header http.Header) fields {
	folded := fields{}
	for name, values := range header {
		for _, value := range values {
			folded[fold(name)] = append(folded[fold(name)], strings.Trim(value, "\t "))
		}
	}
	return folded
}

// single is the value of a field that may come once at most; empty if it is absent.
func (folded fields) single(name, codeIfRepeated string) string {
	values := folded[fold(name)]
	check(len(values) < 2, codeIfRepeated)
	if len(values) == 0 {
		return ""
	}
	for _, character := range []byte(values[0]) {
		// A line break would make two lines of a signature base out of one.
		check(character == '\t' || (character >= 0x20 && character != 0x7f), "request_malformed")
	}
	return values[0]
}

// AssertionOptions of NewAssertionVerifier. What is zero has the default that is named.
type AssertionOptions struct {
	JWKSURL, Issuer, Audience string
	Algorithms                []string         // what the upstream's assertion.algorithm says; ES256
	Field                     string           // X-Gatehouse-Assertion
	Skew                      time.Duration    // 5 s
	Now                       func() time.Time // time.Now
}

// AssertionVerifier verifies X-Gatehouse-Assertion: who acts, for which tenant. It does not bind the request.
type AssertionVerifier struct {
	options AssertionOptions
	keys    keySource
}

// Identity is who acts, by the assertion. Tenant and Client are empty if there is none.
type Identity struct {
	Subject, Tenant, Client string
	Roles, Scopes           []string
	Profile                 map[string]any
	ExpiresAt               float64
}

func NewAssertionVerifier(options AssertionOptions) (*AssertionVerifier, error) {
	if options.JWKSURL == "" || options.Issuer == "" || options.Audience == "" {
		return nil, errors.New("gatehouse: JWKSURL, Issuer and Audience are needed")
	}
	if len(options.Algorithms) == 0 {
		options.Algorithms = []string{"ES256"}
	}
	for _, algorithm := range options.Algorithms {
		if algorithm != "ES256" && algorithm != "RS256" && algorithm != "EdDSA" {
			return nil, errors.New("gatehouse: Algorithms: unknown")
		}
	}
	if options.Field == "" {
		options.Field = "X-Gatehouse-Assertion"
	}
	options.Skew, options.Now = defaults(options.Skew, options.Now)
	return &AssertionVerifier{options, keySource{url: options.JWKSURL, now: options.Now}}, nil
}

func defaults(skew time.Duration, now func() time.Time) (time.Duration, func() time.Time) {
	if skew == 0 {
		skew = 5 * time.Second
	}
	if now == nil {
		now = time.Now
	}
	return skew, now
}

var compact = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)

func (verifier *AssertionVerifier) Verify(request *http.Request) (identity *Identity, refusal *Refusal) {
	defer settle(&identity, &refusal)
	options := verifier.options
	token := fieldsOf(request.Header).single(options.Field, "assertion_repeated")
	check(token != "", "assertion_missing")
	check(len(token) <= longestAssertion && compact.MatchString(token), "assertion_malformed")
	parts := strings.Split(token, ".")
	signature := bytesOf(parts[2])
	claimBytes := bytesOf(parts[1])
	header := objectOf(bytesOf(parts[0]))
	check(header["typ"] == "gatehouse-assertion+jwt", "type_wrong")
	algorithm, _ := header["alg"].(string)
	check(contains(options.Algorithms, algorithm), "algorithm_wrong")
	kid, hasKid := header["kid"].(string)
	_, hasCritical := header["crit"]
	check(hasKid && !hasCritical, "assertion_malformed")
	key := verifier.keys.find(kid, algorithm)
	check(isSigned(key, []byte(parts[0]+"."+parts[1]), signature), "signature_wrong")
	claims := objectOf(claimBytes)
	check(claims["iss"] == options.Issuer, "issuer_wrong")
	check(claims["aud"] == options.Audience, "audience_wrong")
	issuedAt, expiresAt := numberOf(claims["iat"]), numberOf(claims["exp"])
	now, skew := secondsOf(options.Now()), options.Skew.Seconds()
	check(issuedAt <= now+skew, "not_yet_valid")
	check(now < expiresAt+skew, "expired")
	return identityOf(claims, expiresAt), nil
}

func contains(list []string, wanted string) bool {
	for _, each := range list {
		if each == wanted {
			return true
		}
	}
	return false
}

func secondsOf(instant time.Time) float64 { return float64(instant.UnixMilli()) / 1000 }

func numberOf(value any) float64 {
	number, ok := value.(json.Number)
	check(ok, "assertion_malformed")
	seconds, err := number.Float64()
	check(err == nil && !math.IsInf(seconds, 0), "assertion_malformed")
	return seconds
}

// bytesOf reads unpadded base64url with no bit to spare: each value has one text.
func bytesOf(text string) []byte {
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(text)
	check(err == nil, "assertion_malformed")
	return decoded
}

// objectOf reads by tokens, since Unmarshal takes the last one of members with the same name, and bytes that are no UTF-8.
func objectOf(data []byte) map[string]any {
	check(utf8.Valid(data) && json.Valid(data), "assertion_malformed")
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	object, ok := valueFrom(decoder, 0).(map[string]any)
	_, err := decoder.Token()
	check(ok && err == io.EOF, "assertion_malformed")
	return object
}

func valueFrom(decoder *json.Decoder, depth int) any {
	token, err := decoder.Token()
	check(err == nil && depth <= deepestJSON, "assertion_malformed")
	switch token {
	case json.Delim('{'):
		object := map[string]any{}
		for decoder.More() {
			name, isName := valueFrom(decoder, depth+1).(string)
			_, isKnown := object[name]
			check(isName && !isKnown, "assertion_malformed")
			object[name] = valueFrom(decoder, depth+1)
		}
		_, err = decoder.Token()
		check(err == nil, "assertion_malformed")
		return object
	case json.Delim('['):
		list := []any{}
		for decoder.More() {
			list = append(list, valueFrom(decoder, depth+1))
		}
		_, err = decoder.Token()
		check(err == nil, "assertion_malformed")
		return list
	}
	return token
}

func identityOf(claims map[string]any, expiresAt float64) *Identity {
	identity := &Identity{Roles: []string{}, Profile: map[string]any{}, ExpiresAt: expiresAt}
	for name, place := range map[string]*string{"sub": &identity.Subject, "tenant": &identity.Tenant, "client": &identity.Client} {
		if value, isThere := claims[name]; isThere {
			text, ok := value.(string)
			check(ok && text != "", "assertion_malformed")
			*place = text
		}
	}
	if value, isThere := claims["roles"]; isThere {
		list, ok := value.([]any)
		check(ok, "assertion_malformed")
		for _, each := range list {
			role, ok := each.(string)
			check(ok, "assertion_malformed")
			identity.Roles = append(identity.Roles, role)
		}
	}
	if value, isThere := claims["scope"]; isThere {
		scope, ok := value.(string)
		check(ok, "assertion_malformed")
		identity.Scopes = strings.Fields(scope)
	}
	if value, isThere := claims["profile"]; isThere {
		profile, ok := value.(map[string]any)
		check(ok, "assertion_malformed")
		identity.Profile = profile
	}
	check(identity.Subject != "", "anonymous")
	return identity
}

func isSigned(key crypto.PublicKey, signed, signature []byte) bool {
	digest := sha256.Sum256(signed)
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		if len(signature) != 64 {
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return ecdsa.Verify(key, digest[:], r, s)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(key, signed, signature)
	}
	return false
}

type publicKey struct {
	algorithm string
	key       crypto.PublicKey
}

type jwk struct {
	Kty, Crv, Alg, Kid, X, Y, N, E string
}

func (jwk jwk) number(text string) *big.Int { return new(big.Int).SetBytes(bytesOf(text)) }

// publicKey is nil for a key of another kind.
func (jwk jwk) publicKey() *publicKey {
	var found publicKey
	switch {
	case jwk.Kty == "EC" && jwk.Crv == "P-256":
		key := &ecdsa.PublicKey{Curve: elliptic.P256(), X: jwk.number(jwk.X), Y: jwk.number(jwk.Y)}
		if _, err := key.ECDH(); err != nil { // Not on the curve.
			return nil
		}
		found = publicKey{"ES256", key}
	case jwk.Kty == "OKP" && jwk.Crv == "Ed25519" && len(bytesOf(jwk.X)) == ed25519.PublicKeySize:
		found = publicKey{"EdDSA", ed25519.PublicKey(bytesOf(jwk.X))}
	case jwk.Kty == "RSA" && jwk.number(jwk.N).BitLen() >= 2048:
		found = publicKey{"RS256", &rsa.PublicKey{N: jwk.number(jwk.N), E: int(jwk.number(jwk.E).Int64())}}
	}
	if found.key == nil || (jwk.Alg != "" && jwk.Alg != found.algorithm) {
		return nil
	}
	return &found
}

// keySource has the published keys: kept for their max-age, asked for once more when a kid is unknown, never twice within the
// cool-down.
type keySource struct {
	url                                   string
	now                                   func() time.Time
	lock                                  sync.Mutex
	keys                                  map[string]*publicKey
	freshUntil, usableUntil, nextQuestion float64
}

func (source *keySource) find(kid, algorithm string) crypto.PublicKey {
	source.lock.Lock()
	defer source.lock.Unlock()
	now := secondsOf(source.now())
	if now >= source.freshUntil || source.keys[kid] == nil {
		if now >= source.nextQuestion {
			source.nextQuestion = now + coolDown
			// What is known stays usable for a while if nobody answers.
			if keys, maxAge, err := source.ask(); err == nil {
				source.keys = keys
				source.freshUntil = now + math.Max(coolDown, maxAge)
				source.usableUntil = source.freshUntil + stale
			}
		}
	}
	check(now < source.usableUntil, "keys_unavailable")
	known := source.keys[kid]
	check(known != nil && known.algorithm == algorithm, "key_unknown")
	return known.key
}

var maxAgeOf = regexp.MustCompile(`(?i)(?:^|[\s,])max-age=([0-9]{1,6})`)

func (source *keySource) ask() (keys map[string]*publicKey, maxAge float64, err error) {
	defer func() {
		if thrown := recover(); thrown != nil {
			err = fmt.Errorf("gatehouse: a key of the set: %v", thrown)
		}
	}()
	limited, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(limited, http.MethodGet, source.url, nil)
	if err != nil {
		return nil, 0, err
	}
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := (&http.Client{CheckRedirect: noRedirect}).Do(request)
	if err != nil {
		return nil, 0, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("gatehouse: the key set: status %d", answer.StatusCode)
	}
	var document struct{ Keys []jwk }
	if err := json.NewDecoder(answer.Body).Decode(&document); err != nil {
		return nil, 0, err
	}
	keys, maxAge = map[string]*publicKey{}, defaultMaxAge
	for _, each := range document.Keys {
		if key := each.publicKey(); key != nil {
			keys[each.Kid] = key
		}
	}
	if found := maxAgeOf.FindStringSubmatch(answer.Header.Get("Cache-Control")); found != nil {
		maxAge, _ = strconv.ParseFloat(found[1], 64)
	}
	return keys, maxAge, nil
}

// SignatureOptions of NewSignatureVerifier. What is zero has the default that is named.
type SignatureOptions struct {
	// Keys are secrets by key id, the next one beside the current one while they rotate.
	Keys map[string]string
	// Fields are those of the upstream's identity.fields, and the assertion's if there is one.
	Fields []string
	// UseNonce is true the first time. Without it a request can be replayed until it expires.
	UseNonce func(keyID, nonce string, expires int64) bool
	Skew     time.Duration    // 5 s
	Now      func() time.Time // time.Now
}

// SignatureVerifier verifies Signature (RFC 9421, hmac-sha256): the identity fields belong to this request.
type SignatureVerifier struct{ options SignatureOptions }

// Signed is who acts, by the signed fields: values by the names that were given, only of those that have one.
type Signed struct {
	Fields    map[string]string
	BodyBound bool
}

func NewSignatureVerifier(options SignatureOptions) (*SignatureVerifier, error) {
	if len(options.Keys) == 0 || len(options.Fields) == 0 {
		return nil, errors.New("gatehouse: Keys and Fields are needed")
	}
	for _, secret := range options.Keys {
		if len(secret) < 32 {
			return nil, errors.New("gatehouse: Keys: each secret has at least 32 bytes")
		}
	}
	options.Skew, options.Now = defaults(options.Skew, options.Now)
	return &SignatureVerifier{options}, nil
}

var (
	ofTheRequest   = []string{"@method", "@authority", "@path", "@query"}
	signatureInput = regexp.MustCompile(`^gatehouse=(\(("[^"]*"(?: "[^"]*"){0,99})\);created=([0-9]{1,11});expires=([0-9]{1,11});` +
		`nonce="([A-Za-z0-9_-]{16,64})";keyid="((?:[^"\\]|\\["\\]){0,256})";alg="([A-Za-z0-9_-]+)")$`)
	signatureText = regexp.MustCompile(`^gatehouse=:[A-Za-z0-9+/]+=*:$`)
	escaped       = regexp.MustCompile(`\\(.)`)
	targetText    = regexp.MustCompile(`^/[^\x00-\x20\x7f]*$`)
	methodText    = regexp.MustCompile(`^[\x21-\x7e]+$`)
	componentName = regexp.MustCompile("^[a-z0-9!#$%&'*+.^_`|~-]+$")
	digestMember  = regexp.MustCompile(`^[\t ]*(sha-256|sha-512)=:([^:]*):[\t ]*$`)
)

// Verify takes the bytes of the body if a Content-Digest shall bind it, else nil.
func (verifier *SignatureVerifier) Verify(request *http.Request, body []byte) (identity *Signed, refusal *Refusal) {
	defer settle(&identity, &refusal)
	options := verifier.options
	received := fieldsOf(request.Header)
	input := received.single("Signature-Input", "signature_repeated")
	signature := received.single("Signature", "signature_repeated")
	check(input != "" && signature != "", "signature_missing")
	parsed := signatureInput.FindStringSubmatch(input)
	check(parsed != nil && signatureText.MatchString(signature), "signature_malformed")
	parameters, listed, nonce, algorithm := parsed[1], parsed[2], parsed[5], parsed[7]
	check(algorithm == "hmac-sha256", "algorithm_wrong")
	keyID := escaped.ReplaceAllString(parsed[6], "$1")
	secret, isKnown := options.Keys[keyID]
	check(isKnown, "key_unknown")

	components := strings.Split(listed, " ")
	covered := map[string]bool{}
	base := ""
	for _, quoted := range components {
		component := strings.Trim(quoted, `"`)
		check(!covered[component], "signature_malformed")
		covered[component] = true
		base += `"` + component + `": ` + valueOf(component, request, received) + "\n"
	}
	base += `"@signature-params": ` + parameters
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(base))
	expected := "gatehouse=:" + base64.StdEncoding.EncodeToString(mac.Sum(nil)) + ":"
	check(hmac.Equal([]byte(expected), []byte(signature)), "signature_wrong")
	created, _ := strconv.ParseInt(parsed[3], 10, 64)
	expires, _ := strconv.ParseInt(parsed[4], 10, 64)
	check(created < expires, "signature_malformed")
	now, skew := secondsOf(options.Now()), options.Skew.Seconds()
	check(float64(created) <= now+skew, "not_yet_valid")
	check(now < float64(expires)+skew, "expired")

	for _, name := range ofTheRequest {
		check(covered[name], "component_missing")
	}
	digest := received.single("Content-Digest", "field_repeated")
	check(digest == "" || covered["content-digest"], "component_missing")
	identity = &Signed{map[string]string{}, digest != "" && body != nil}
	missing := 0
	for _, name := range options.Fields {
		if !covered[strings.ToLower(name)] {
			missing++
		}
		if value := received.single(name, "field_repeated"); value != "" {
			identity.Fields[name] = value
		}
	}
	check(missing < len(options.Fields), "anonymous")
	check(missing == 0, "component_missing")
	check(!identity.BodyBound || hasDigest(body, digest), "body_changed")
	check(options.UseNonce == nil || options.UseNonce(keyID, nonce, expires), "replayed")
	return identity, nil
}

// valueOf counts a covered field that is absent as empty: some servers drop empty ones.
func valueOf(component string, request *http.Request, received fields) string {
	check(targetText.MatchString(request.RequestURI) && methodText.MatchString(request.Method), "request_malformed")
	path, query, _ := strings.Cut(request.RequestURI, "?")
	switch component {
	case "@method":
		return request.Method
	case "@path":
		return path
	case "@query":
		return "?" + query
	case "@authority":
		// The server has taken it out of the fields.
		check(len(received["host"]) == 0, "field_repeated")
		check(request.Host != "", "request_malformed")
		return strings.ToLower(request.Host)
	}
	check(componentName.MatchString(component), "signature_malformed")
	return received.single(component, "field_repeated")
}

// hasDigest is true if every digest of an algorithm that is known fits (RFC 9530), and there is one.
func hasDigest(body []byte, field string) bool {
	fits := false
	for _, member := range strings.Split(field, ",") {
		known := digestMember.FindStringSubmatch(member)
		if known == nil {
			continue
		}
		short, long := sha256.Sum256(body), sha512.Sum512(body)
		digest := short[:]
		if known[1] == "sha-512" {
			digest = long[:]
		}
		if base64.StdEncoding.EncodeToString(digest) != known[2] {
			return false
		}
		fits = true
	}
	return fits
}
