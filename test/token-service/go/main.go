// An OAuth client of a gateway by golang.org/x/oauth2, as its users write one. It tells what it saw as JSON.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

type input struct {
	Port    int               `json:"port"`
	CA      string            `json:"ca"`
	Secrets map[string]string `json:"secrets"`
}

type findings map[string]any

// scene is the gateway, under a host that names a tenant and one that does not.
type scene struct {
	input
	ctx context.Context
}

func (s scene) url(host, path string) string {
	return fmt.Sprintf("https://%s:%d%s", host, s.Port, path)
}

func (s scene) endpoint(style oauth2.AuthStyle) oauth2.Endpoint {
	return oauth2.Endpoint{TokenURL: s.url("acme.gw.test", "/oauth/token"), AuthStyle: style}
}

// users is a client whose users log in at the host of their tenant.
func (s scene) users(id string, style oauth2.AuthStyle, scopes ...string) *oauth2.Config {
	return &oauth2.Config{ClientID: id, ClientSecret: s.Secrets[id], Endpoint: s.endpoint(style), Scopes: scopes}
}

// machine is a client that acts for itself.
func (s scene) machine(id string, style oauth2.AuthStyle, scopes ...string) *clientcredentials.Config {
	return &clientcredentials.Config{
		ClientID: id, ClientSecret: s.Secrets[id], TokenURL: s.endpoint(style).TokenURL, AuthStyle: style, Scopes: scopes,
	}
}

func main() {
	var in input
	check(json.NewDecoder(os.Stdin).Decode(&in))
	s := scene{input: in, ctx: context.WithValue(context.Background(), oauth2.HTTPClient, newHTTPClient(in))}
	module, _ := debug.ReadBuildInfo()
	versions := findings{"go": runtime.Version()}
	for _, dependency := range module.Deps {
		versions[dependency.Path] = dependency.Version
	}
	check(json.NewEncoder(os.Stdout).Encode(findings{
		"versions":          versions,
		"clientCredentials": s.clientCredentials(),
		"tenantByParameter": s.tenantByParameter(),
		"user":              s.user(),
		"refusals":          s.refusals(),
		"throttled":         s.throttled(),
	}))
}

func newHTTPClient(in input) *http.Client {
	pem, err := os.ReadFile(in.CA)
	check(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	address := fmt.Sprintf("127.0.0.1:%d", in.Port)
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		// The names of the gateway stand in no DNS.
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}}
}

func (s scene) clientCredentials() findings {
	styles := map[string]oauth2.AuthStyle{
		"header": oauth2.AuthStyleInHeader, "params": oauth2.AuthStyleInParams, "detected": oauth2.AuthStyleAutoDetect,
	}
	found := findings{}
	for name, style := range styles {
		for _, id := range []string{"erp", "odd"} {
			config := s.machine(id, style)
			token, err := config.Token(s.ctx)
			check(err)
			found[id+" "+name] = findings{
				"type": token.Type(), "scope": token.Extra("scope"), "minutes": math.Round(time.Until(token.Expiry).Minutes()),
				"valid": token.Valid(), "tenant": s.tenantSeen(config.Client(s.ctx), "acme.gw.test"),
			}
		}
	}
	return found
}

func (s scene) tenantByParameter() any {
	config := s.machine("multi", oauth2.AuthStyleInHeader, "orders:read")
	config.TokenURL = s.url("gw.test", "/oauth/token")
	config.EndpointParams = url.Values{"tenant": {"globex"}}
	return s.tenantSeen(config.Client(s.ctx), "gw.test")
}

// user logs in as a public client, lets a token source refresh three times, and then uses the first refresh token again.
func (s scene) user() findings {
	config := s.users("phone", oauth2.AuthStyleAutoDetect, "orders:read")
	first, err := config.PasswordCredentialsToken(s.ctx, "anna", "acme-anna-pw")
	check(err)
	name := s.nameSeen(config.Client(s.ctx, first))
	// Every token counts as expired, so that each use refreshes.
	source := oauth2.ReuseTokenSourceWithExpiry(first, config.TokenSource(s.ctx, first), time.Hour)
	access, refresh := map[string]bool{first.AccessToken: true}, map[string]bool{first.RefreshToken: true}
	for range 2 {
		token, err := source.Token()
		check(err)
		access[token.AccessToken], refresh[token.RefreshToken] = true, true
	}
	nameRefreshed := s.nameSeen(oauth2.NewClient(s.ctx, source))
	_, reused := config.TokenSource(s.ctx, &oauth2.Token{RefreshToken: first.RefreshToken}).Token()
	_, after := source.Token()
	return findings{
		"name": name, "nameRefreshed": nameRefreshed, "scope": first.Extra("scope"),
		"accessTokens": len(access), "refreshTokens": len(refresh),
		"reused": refusalOf(reused), "afterReuse": refusalOf(after),
	}
}

func (s scene) refusals() findings {
	old := s.users("old", oauth2.AuthStyleInHeader)
	_, password := old.PasswordCredentialsToken(s.ctx, "anna", "wrong")
	old.ClientSecret = "wrong"
	_, secret := old.PasswordCredentialsToken(s.ctx, "anna", "acme-anna-pw")
	_, scope := s.machine("erp", oauth2.AuthStyleInParams, "orders:delete").Token(s.ctx)
	_, grant := s.users("erp", oauth2.AuthStyleInHeader).PasswordCredentialsToken(s.ctx, "anna", "acme-anna-pw")
	return findings{
		"password": refusalOf(password), "secret": refusalOf(secret), "scope": refusalOf(scope), "grant": refusalOf(grant),
	}
}

// throttled guesses until it is told to wait.
func (s scene) throttled() any {
	config := s.users("old", oauth2.AuthStyleInHeader)
	for range 40 {
		_, err := config.PasswordCredentialsToken(s.ctx, "bert", "wrong")
		refusal := refusalOf(err)
		if refusal["code"] != "invalid_grant" {
			return refusal
		}
	}
	return "never"
}

func refusalOf(err error) findings {
	var refusal *oauth2.RetrieveError
	if !errors.As(err, &refusal) {
		return findings{"failure": fmt.Sprint(err)}
	}
	header := refusal.Response.Header
	return findings{
		"code": refusal.ErrorCode, "description": refusal.ErrorDescription, "status": refusal.Response.StatusCode,
		"challenge": header.Get("WWW-Authenticate"), "waits": header.Get("Retry-After") != "",
	}
}

// tenantSeen is the tenant that the upstream is told.
func (s scene) tenantSeen(client *http.Client, host string) any {
	var echo struct {
		Fields [][2]string `json:"fields"`
	}
	s.get(client, s.url(host, "/api/echo/go"), &echo)
	for _, field := range echo.Fields {
		if http.CanonicalHeaderKey(field[0]) == "X-Tenant-Id" {
			return field[1]
		}
	}
	return nil
}

// nameSeen is the user that the upstream knows.
func (s scene) nameSeen(client *http.Client) string {
	var me struct {
		User struct {
			Name string `json:"name"`
		} `json:"user"`
	}
	s.get(client, s.url("acme.gw.test", "/api/me"), &me)
	return me.User.Name
}

func (s scene) get(client *http.Client, target string, into any) {
	answer, err := client.Get(target)
	check(err)
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		check(fmt.Errorf("%s: %s", target, answer.Status))
	}
	check(json.NewDecoder(answer.Body).Decode(into))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
