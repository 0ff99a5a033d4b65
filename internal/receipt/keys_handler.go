package receipt

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// KeysPath is where an installation publishes its keys, below its public address.
const KeysPath = "/.well-known/advocatesync-receipts.json"

// keysLife is how long published keys are served before they are read again: the
// path is open to everybody, and must not reach the database at every call.
const keysLife = time.Minute

// NewKeysHandler publishes the keys that read returns, as a JSON Web Key Set.
func NewKeysHandler(read func(context.Context) (KeySet, error), log *slog.Logger, now func() time.Time) http.Handler {
	h := &keysHandler{read: read, log: log, now: now}
	mux := http.NewServeMux()
	mux.Handle("GET "+KeysPath, h)
	return mux
}

type keysHandler struct {
	read func(context.Context) (KeySet, error)
	log  *slog.Logger
	now  func() time.Time

	mu     sync.Mutex
	body   []byte
	readAt time.Time
}

func (h *keysHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := h.published(r.Context())
	if err != nil {
		h.log.WarnContext(r.Context(), "the receipts' keys could not be read", "err", err)
		http.Error(w, "the keys cannot be read now: try again later", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(body) // a caller that hung up needs no answer
}

// published reads the keys at most once a keysLife, for one caller at a time.
func (h *keysHandler) published(ctx context.Context) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.body != nil && h.now().Sub(h.readAt) < keysLife {
		return h.body, nil
	}
	keys, err := h.read(ctx)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(keys)
	if err != nil {
		return nil, err
	}
	h.body, h.readAt = body, h.now()
	return body, nil
}
