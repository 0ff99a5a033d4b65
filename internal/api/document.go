package api

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed openapi.yaml
var document []byte

// documentJSON is the OpenAPI document in the form that tools take.
var documentJSON = sync.OnceValues(func() (json.RawMessage, error) {
	var tree any
	if err := yaml.Unmarshal(document, &tree); err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	return json.Marshal(tree)
})

func (*Handler) getDocument(r *request) (any, error) {
	if err := r.err(); err != nil {
		return nil, err
	}
	return documentJSON()
}

// Document returns the OpenAPI document of the API, in YAML.
func Document() []byte { return document }
