// Reads what to open and what to verify as lines of JSON, and answers each with a line.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"

	"harness/gatehouse"
)

type command struct {
	Do, Name, Kind string
	Options        struct {
		JwksURL, Issuer, Audience string
		Algorithms                []string
		Keys                      map[string]string
		Fields                    []string
		Nonces                    bool
	}
	Now            float64
	Method, Target string
	Fields         [][2]string
	Body           *string
}

var (
	assertions = map[string]*gatehouse.AssertionVerifier{}
	signatures = map[string]*gatehouse.SignatureVerifier{}
	seconds    float64
)

func now() time.Time { return time.UnixMilli(int64(seconds * 1000)) }

func open(command command) (err error) {
	options := command.Options
	if command.Kind == "assertion" {
		assertions[command.Name], err = gatehouse.NewAssertionVerifier(gatehouse.AssertionOptions{
			JWKSURL: options.JwksURL, Issuer: options.Issuer, Audience: options.Audience, Algorithms: options.Algorithms, Now: now,
		})
		return err
	}
	known := gatehouse.SignatureOptions{Keys: options.Keys, Fields: options.Fields, Now: now}
	if options.Nonces {
		seen := map[string]bool{}
		known.UseNonce = func(_, nonce string, _ int64) bool {
			isFirst := !seen[nonce]
			seen[nonce] = true
			return isFirst
		}
	}
	signatures[command.Name], err = gatehouse.NewSignatureVerifier(known)
	return err
}

func verify(command command) map[string]any {
	seconds = command.Now
	request := &http.Request{Method: command.Method, RequestURI: command.Target, Header: http.Header{}}
	for _, field := range command.Fields {
		name := http.CanonicalHeaderKey(field[0])
		if name == "Host" && request.Host == "" {
			request.Host = field[1]
			continue
		}
		request.Header[name] = append(request.Header[name], field[1])
	}
	if verifier := assertions[command.Name]; verifier != nil {
		identity, refusal := verifier.Verify(request)
		if refusal != nil {
			return map[string]any{"ok": identity != nil, "code": refusal.Code, "cause": fmt.Sprint(refusal.Cause)}
		}
		return map[string]any{"ok": true, "identity": map[string]any{
			"subject": identity.Subject, "tenant": identity.Tenant, "client": identity.Client,
			"roles": identity.Roles, "scopes": identity.Scopes, "profile": identity.Profile,
		}}
	}
	var body []byte
	if command.Body != nil {
		body = []byte(*command.Body)
	}
	identity, refusal := signatures[command.Name].Verify(request, body)
	if refusal != nil {
		return map[string]any{"ok": identity != nil, "code": refusal.Code, "cause": fmt.Sprint(refusal.Cause)}
	}
	return map[string]any{"ok": true, "identity": map[string]any{"fields": identity.Fields, "bodyBound": identity.BodyBound}}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var command command
		err := json.Unmarshal(lines.Bytes(), &command)
		answer := map[string]any{}
		if err == nil && command.Do == "open" {
			err = open(command)
		} else if err == nil {
			answer = verify(command)
		}
		if err != nil {
			panic(err)
		}
		written, _ := json.Marshal(answer)
		fmt.Println(string(written))
	}
}
