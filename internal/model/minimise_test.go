package model

import "slices"

// minimise looks for a smaller plan that breaks the same rule.
func minimise(p plan, breaks func(plan) bool) plan {
	tried := 0
	for smaller := true; smaller; {
		smaller = false
		for candidate := range shrunk(p) {
			if tried++; tried > *patience {
				return p
			}
			if breaks(candidate) {
				p, smaller = candidate, true
				break
			}
		}
	}
	return p
}

// shrunk yields plans that are a little smaller, the boldest first.
func shrunk(p plan) func(yield func(plan) bool) {
	return func(yield func(plan) bool) {
		if p.lag > 0 && !yield(plan{p.rules, 0, p.pii, p.steps}) || p.pii && !yield(plan{p.rules, p.lag, false, p.steps}) {
			return
		}
		for size := len(p.steps) / 2; size > 0; size /= 2 {
			for from := 0; from+size <= len(p.steps); from += size {
				if !yield(plan{p.rules, p.lag, p.pii, slices.Delete(slices.Clone(p.steps), from, from+size)}) {
					return
				}
			}
		}
		for i, s := range p.steps {
			for _, simpler := range simplified(s) {
				steps := slices.Clone(p.steps)
				steps[i] = simpler
				if !yield(plan{p.rules, p.lag, p.pii, steps}) {
					return
				}
			}
		}
	}
}

func simplified(s step) []step {
	var all []step
	for i := range s.during {
		without := s
		without.during = slices.Delete(slices.Clone(s.during), i, i+1)
		all = append(all, without)
		for _, inner := range simplified(s.during[i].step) {
			with := s
			with.during = slices.Clone(s.during)
			with.during[i].step = inner
			all = append(all, with)
		}
	}
	for _, part := range []func(*step) *int{
		func(s *step) *int { return &s.a }, func(s *step) *int { return &s.b }, func(s *step) *int { return &s.c },
	} {
		if lower := s; *part(&lower) > 0 {
			*part(&lower) = 0
			all = append(all, lower)
			if lower = s; *part(&lower) > 1 {
				*part(&lower)--
				all = append(all, lower)
			}
		}
	}
	return all
}
