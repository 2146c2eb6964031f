// A web application, a service and a device made with golang.org/x/oauth2 as in its documentation.
//
// The first line of standard input is its registration. Each line of standard output is a page that the user has to visit,
// or finally the result. After an authorization request the next line of input is the browser's final address.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

type registration struct {
	Flow         string   `json:"flow"`
	Issuer       string   `json:"issuer"`
	ClientID     string   `json:"client_id"`
	ClientSecret string   `json:"client_secret"`
	RedirectURI  string   `json:"redirect_uri"`
	Scopes       []string `json:"scopes"`
	Resource     string   `json:"resource"`
}

type given map[string]any

var input = bufio.NewReader(os.Stdin)

func main() {
	log.SetFlags(0)
	var registered registration
	if err := json.Unmarshal(line(), &registered); err != nil {
		log.Fatal(err)
	}
	// No proxy for this machine.
	http.DefaultTransport.(*http.Transport).Proxy = nil
	flows := map[string]func(context.Context, registration) (given, error){
		"code": asksAPerson, "client_credentials": isAService, "device": isADevice,
	}
	came, err := flows[registered.Flow](context.Background(), registered)
	if err != nil {
		log.Fatal(err)
	}
	say(came)
}

func asksAPerson(ctx context.Context, registered registration) (given, error) {
	config := oauth2.Config{
		ClientID:     registered.ClientID,
		ClientSecret: registered.ClientSecret,
		RedirectURL:  registered.RedirectURI,
		Scopes:       registered.Scopes,
		Endpoint: oauth2.Endpoint{
			AuthURL:  registered.Issuer + "/authorise/",
			TokenURL: registered.Issuer + "/token/",
		},
	}
	verifier := oauth2.GenerateVerifier()
	say(given{"visit": config.AuthCodeURL("the-state", oauth2.S256ChallengeOption(verifier))})
	answer, err := url.Parse(string(line()))
	if err != nil {
		return nil, err
	}
	if answer.Query().Get("state") != "the-state" {
		return nil, errors.New("the state is another one")
	}
	code := answer.Query().Get("code")
	token, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return nil, err
	}
	userinfo, _, err := get(ctx, &config, token, registered.Issuer)
	if err != nil {
		return nil, err
	}
	// The token source has to refresh if there is no access token.
	refreshed, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	if err != nil {
		return nil, err
	}
	_, replay := config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	_, after, err := get(ctx, &config, refreshed, registered.Issuer)
	if err != nil {
		return nil, err
	}
	return given{
		"token": told(token), "userinfo": userinfo, "refreshed": told(refreshed), "refused": codeOf(replay), "after": after,
	}, nil
}

func isAService(ctx context.Context, registered registration) (given, error) {
	config := clientcredentials.Config{
		ClientID:       registered.ClientID,
		ClientSecret:   registered.ClientSecret,
		TokenURL:       registered.Issuer + "/token/",
		Scopes:         registered.Scopes,
		EndpointParams: url.Values{"resource": {registered.Resource}},
	}
	token, err := config.Token(ctx)
	if err != nil {
		return nil, err
	}
	config.Scopes = []string{"everything"}
	_, refused := config.Token(ctx)
	config.Scopes, config.ClientSecret = registered.Scopes, "not-the-secret"
	_, guessed := config.Token(ctx)
	return given{"token": told(token), "refused": codeOf(refused), "guessed": codeOf(guessed)}, nil
}

func isADevice(ctx context.Context, registered registration) (given, error) {
	config := oauth2.Config{
		ClientID: registered.ClientID,
		Scopes:   registered.Scopes,
		Endpoint: oauth2.Endpoint{
			DeviceAuthURL: registered.Issuer + "/device-authorization/",
			TokenURL:      registered.Issuer + "/token/",
			AuthStyle:     oauth2.AuthStyleInParams,
		},
	}
	begun, err := config.DeviceAuth(ctx)
	if err != nil {
		return nil, err
	}
	say(given{"visit": begun.VerificationURIComplete, "user_code": begun.UserCode})
	token, err := config.DeviceAccessToken(ctx, begun)
	if err != nil {
		return given{"refused": codeOf(err)}, nil
	}
	userinfo, _, err := get(ctx, &config, token, registered.Issuer)
	if err != nil {
		return nil, err
	}
	refreshed, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	if err != nil {
		return nil, err
	}
	_, replay := config.DeviceAccessToken(ctx, begun)
	_, after, err := get(ctx, &config, refreshed, registered.Issuer)
	if err != nil {
		return nil, err
	}
	return given{
		"token": told(token), "userinfo": userinfo, "refreshed": told(refreshed), "refused": codeOf(replay), "after": after,
	}, nil
}

func get(ctx context.Context, config *oauth2.Config, token *oauth2.Token, issuer string) (given, int, error) {
	response, err := config.Client(ctx, token).Get(issuer + "/userinfo/")
	if err != nil {
		return nil, 0, err
	}
	defer response.Body.Close()
	var members given
	err = json.NewDecoder(response.Body).Decode(&members)
	return members, response.StatusCode, err
}

func told(token *oauth2.Token) given {
	return given{
		"access_token": token.AccessToken, "token_type": token.Type(), "expires_in": int(time.Until(token.Expiry).Seconds()),
		"refresh_token": token.RefreshToken, "scope": token.Extra("scope"),
	}
}

func codeOf(err error) string {
	var refusal *oauth2.RetrieveError
	if errors.As(err, &refusal) {
		return refusal.ErrorCode
	}
	return fmt.Sprint(err)
}

func line() []byte {
	text, err := input.ReadBytes('\n')
	if err != nil {
		log.Fatal(err)
	}
	return text[:len(text)-1]
}

func say(what given) {
	if err := json.NewEncoder(os.Stdout).Encode(what); err != nil {
		log.Fatal(err)
	}
}
