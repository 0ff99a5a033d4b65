package fault

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Edit changes a JSON answer at a path: names and indexes joined by dots, "*"
// for every element, "id=12" for the elements whose id is 12. Value is put
// there, with the objects on the way to it; without a value what is there goes.
//
//	results.*.properties.hs_additional_emails
//	results.id=512.properties.email
//	paging.next.after
type Edit struct {
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value,omitempty"`
}

// Set puts a value at a path. It panics if JSON cannot hold the value.
func Set(path string, value any) Edit { return Edit{Path: path, Value: raw(value)} }

// Remove takes away what is at a path.
func Remove(path string) Edit { return Edit{Path: path} }

// alter applies the edits to a JSON text. Anything else stays as it is.
func alter(body []byte, edits []Edit) []byte {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber() // ids are longer than a float keeps
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return body
	}
	for _, e := range edits {
		tree = e.apply(tree, strings.Split(e.Path, "."))
	}
	return raw(tree)
}

// apply returns the node after the edit of everything that the path leads to.
func (e Edit) apply(node any, path []string) any {
	if len(path) == 0 {
		return e.Value
	}
	step, rest := path[0], path[1:]
	switch at := node.(type) {
	case []any:
		return e.inArray(at, step, rest)
	case map[string]any:
		return e.inObject(at, step, rest)
	}
	return node
}

func (e Edit) inObject(object map[string]any, step string, rest []string) any {
	names := []string{step}
	if step == "*" {
		names = names[:0]
		for name := range object {
			names = append(names, name)
		}
	}
	for _, name := range names {
		child, there := object[name]
		switch {
		case len(rest) == 0 && e.Value == nil:
			delete(object, name)
		case !there && e.Value == nil:
		case !there || child == nil:
			object[name] = e.apply(map[string]any{}, rest)
		default:
			object[name] = e.apply(child, rest)
		}
	}
	return object
}

func (e Edit) inArray(array []any, step string, rest []string) any {
	kept := array[:0]
	for i, element := range array {
		switch {
		case !chosen(step, i, element):
			kept = append(kept, element)
		case len(rest) == 0 && e.Value == nil:
		default:
			kept = append(kept, e.apply(element, rest))
		}
	}
	return kept
}

// chosen reports whether a step of a path means the i-th element.
func chosen(step string, i int, element any) bool {
	if step == "*" || step == strconv.Itoa(i) {
		return true
	}
	name, want, isFilter := strings.Cut(step, "=")
	object, isObject := element.(map[string]any)
	if !isFilter || !isObject {
		return false
	}
	switch v := object[name].(type) {
	case string:
		return v == want
	case json.Number:
		return v.String() == want
	}
	return false
}
