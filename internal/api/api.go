// Package api is the admin API: JSON over HTTP under /api/v1, behind a bearer
// token. It holds both ends, so that they cannot drift apart: the Handler, a
// thin layer over package operator, and the Client, which the command line
// uses, over the network or in its own process.
//
// openapi.yaml describes the API to everybody else. Tests check it against the
// routes and against every answer they see, in both directions.
//
// # Adding an operation
//
//  1. A row of the table in routes.go.
//  2. The handler, the types of its request and its answer, and the client's
//     method, side by side in the file of their family. Types are written out
//     here, with snake_case names and comments; they never are a stored type.
//  3. The operation and its schemas in openapi.yaml.
//  4. A row in the table of TestEveryOperation_answersAsDocumented.
//  5. The command, in starter's file of the same family: flags, a call of the
//     client, words.
//
// The operator refuses a request with an *operator.Refusal: its kind becomes
// the status, its code the problem's code, its message the detail.
package api

import "net/http"

// Prefix is the path under which the API lives.
const Prefix = "/api/v1"

func isSuccess(status int) bool {
	return status >= http.StatusOK && status < http.StatusMultipleChoices
}
