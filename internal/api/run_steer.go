package api

import "context"

// steer pauses, resumes or cancels the run that a request names, and answers with
// how far that run is. Run 0 is the latest one; nil asks for nothing.
func (h *Handler) steer(r *request,
	ask func(ctx context.Context, connectionID string, runID int64) (int64, error),
	status func(r *request, connectionID string, runID int64) (any, error),
) (any, error) {
	run := r.number("run")
	c, err := h.connection(r)
	if err == nil && ask != nil {
		run, err = ask(r.Context(), c.ID, run)
	}
	if err != nil {
		return nil, err
	}
	return status(r, c.ID, run)
}
