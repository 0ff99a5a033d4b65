package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"advocatesync/internal/api"
)

// watchPatience is how long a server may stay silent.
const watchPatience = time.Minute

// watch polls something until the caller has seen enough. It returns the last
// result, also with an error. It waits for a server that restarts meanwhile.
func watch[T any](ctx context.Context, every time.Duration, fetch func(context.Context) (T, error), enough func(T) bool) (last T, err error) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	answered := time.Now()
	for {
		now, err := fetch(ctx)
		switch {
		case err == nil:
			last, answered = now, time.Now()
			if enough(now) {
				return last, nil
			}
		case ctx.Err() != nil:
			return last, ctx.Err()
		case refused(err) || time.Since(answered) > watchPatience:
			return last, err
		}
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-tick.C:
		}
	}
}

// refused reports whether the server refused the request, so that a repetition
// would not help.
func refused(err error) bool {
	p, ok := errors.AsType[*api.Problem](err)
	return ok && p.Status < http.StatusInternalServerError
}

// everyPage reads a list to its end.
func everyPage[T any](read func(page string) (api.Page[T], error)) ([]T, error) {
	all := []T{}
	for page := ""; ; {
		p, err := read(page)
		if err != nil {
			return nil, err
		}
		all = append(all, p.Items...)
		if page = p.NextPage; page == "" {
			return all, nil
		}
	}
}
