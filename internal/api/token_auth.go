package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
)

// Authenticator tells who shows a token. It answers an *operator.Refusal for a
// token that opens nothing; any other error means that it cannot tell now.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (bridge.Caller, error)
}

// Local lets in whoever reaches the handler, as one caller: commands that do
// their work in their own process.
type Local bridge.Caller

// Authenticate returns the caller, whatever the token.
func (l Local) Authenticate(context.Context, string) (bridge.Caller, error) {
	return bridge.Caller(l), nil
}

// tokenAuth asks callers for a token, and counts wrong ones.
type tokenAuth struct {
	callers  Authenticator
	throttle *throttle
}

// authenticate tells who a request comes from, or why it is turned away. Wrong
// tokens are answered 401, too many of them 429. A right one is never counted,
// so nobody behind the same address can lock its holder out.
func (a tokenAuth) authenticate(r *http.Request, from netip.Addr) (bridge.Caller, *Problem) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if token == r.Header.Get("Authorization") {
		token = "" // it lacks the scheme
	}
	caller, err := a.callers.Authenticate(r.Context(), token)
	if err == nil {
		return caller, nil
	}
	refusal, wrong := errors.AsType[*operator.Refusal](err)
	if !wrong {
		return caller, problemOf(err)
	}
	if wait := a.throttle.wrong(attempt{from: customer(from), tokenID: operator.TokenID(token)}); wait > 0 {
		p := newProblem(http.StatusTooManyRequests, codeThrottled,
			fmt.Sprintf("too many wrong tokens came from this address: wait %s", wait.Round(time.Second)))
		p.retryAfter = wait
		return caller, p
	}
	return caller, newProblem(http.StatusUnauthorized, refusal.Code, refusal.Error())
}

// forbidden says that a caller's role is not enough.
func forbidden(caller bridge.Caller, needed bridge.Role) *Problem {
	return newProblem(http.StatusForbidden, codeForbidden,
		fmt.Sprintf("this takes a token with the role %s; %s has the role %s", needed, caller.Name, caller.Role))
}
