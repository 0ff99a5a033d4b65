package advocatetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// apiError is the vendor's error body. rsCode is null where there is none.
type apiError struct {
	Message      string  `json:"message"`
	StatusCode   int     `json:"statusCode"`
	APIErrorCode string  `json:"apiErrorCode,omitempty"`
	RSCode       *string `json:"rsCode"`
}

func (e *apiError) Error() string { return e.Message }

// Extensions puts the vendor's body into a GraphQL error.
func (e *apiError) Extensions() map[string]any { return map[string]any{"apiError": e} }

// rsDefaults are our guesses: the vendor publishes the codes, not the statuses.
var rsDefaults = map[string]int{
	"RS003": 400, "RS013": 400, "RS021": 409, "RS023": 400, "RS024": 400, "RS034": 400,
	"RS038": 404, "RS041": 404, "RS042": 404, "RS043": 400, "RS045": 404, "RS046": 415,
	"RS048": 409, "RS050": 403, "RS052": 400, "RS053": 400,
}

// refuse builds an error with an rsCode. Like the vendor's, its message may
// quote the values it complains about.
func refuse(k Knobs, rsCode, format string, values ...string) *apiError {
	quoted := make([]any, len(values))
	for i, v := range values {
		quoted[i] = k.Quote.Write(v)
	}
	status, ok := k.RSStatus[rsCode]
	if !ok {
		status = rsDefaults[rsCode]
	}
	if status == 0 {
		status = http.StatusBadRequest
	}
	return &apiError{Message: fmt.Sprintf(format, quoted...), StatusCode: status, RSCode: &rsCode}
}

func invalid(message string) *apiError {
	return &apiError{Message: message, StatusCode: http.StatusBadRequest, APIErrorCode: "VALIDATION_FAILED"}
}

func noTenant(k Knobs) *apiError {
	e := refuse(k, "RS045", "Missing or invalid tenant alias.")
	e.APIErrorCode = "TENANT_NOT_FOUND"
	return e
}

func notFound(what string) *apiError {
	return &apiError{Message: what + " not found", StatusCode: http.StatusNotFound, APIErrorCode: "NOT_FOUND"}
}

func unauthorized(message string) *apiError {
	return &apiError{Message: message, StatusCode: http.StatusUnauthorized, APIErrorCode: "UNAUTHORIZED"}
}

func writeError(w http.ResponseWriter, err error) {
	var e *apiError
	if !errors.As(err, &e) {
		e = &apiError{Message: err.Error(), StatusCode: http.StatusInternalServerError}
	}
	writeJSON(w, e.StatusCode, e)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A caller that hung up is no fault of the host.
	_ = json.NewEncoder(w).Encode(v)
}
