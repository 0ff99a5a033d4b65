package api

import (
	"net/url"
	"strconv"
)

// Page is one page of a list.
type Page[T any] struct {
	Items []T `json:"items"`
	// NextPage is the parameter "page" of the next page; empty: this is the last one.
	NextPage string `json:"next_page,omitempty"`
}

// Lists come in pages of this many items, unless the caller asks for fewer or more.
const (
	pageSize    = 100
	maxPageSize = 1000
)

// onePage returns a list that is never long as its only page.
func onePage[T any](items []T) Page[T] { return Page[T]{Items: items} }

// pageOf returns a page of a long list, of which limit+1 items were read: if the
// last of them exists, there is a next page. id is what the list is ordered by.
func pageOf[From, To any](read []From, limit int, convert func(From) To, id func(From) int64) Page[To] {
	if len(read) <= limit {
		return onePage(collect(read, convert))
	}
	read = read[:limit]
	return Page[To]{Items: collect(read, convert), NextPage: strconv.FormatInt(id(read[limit-1]), 10)}
}

// limit reads how many items a page should have.
func (r *request) limit() int {
	const name = "limit"
	text := r.parameter(name)
	if text == "" {
		return pageSize
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxPageSize {
		r.mistake(name, "must be a whole number from 1 to %d", maxPageSize)
	}
	return n
}

// cursor reads the item after which the page begins; 0: from the first.
func (r *request) cursor() int64 {
	const name = "page"
	text := r.parameter(name)
	if text == "" {
		return 0
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 {
		r.mistake(name, "is not a next_page of this list")
	}
	return id
}

func pageQuery(page string) url.Values {
	if page == "" {
		return nil
	}
	return url.Values{"page": {page}}
}

// collect converts an operator's types to wire types. In JSON a list is never null.
func collect[From, To any](from []From, convert func(From) To) []To {
	to := make([]To, 0, len(from))
	for _, f := range from {
		to = append(to, convert(f))
	}
	return to
}
