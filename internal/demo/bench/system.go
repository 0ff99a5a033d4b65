package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/demo/seed"
	"advocatesync/internal/demo/stack"
	"advocatesync/internal/store"
	"advocatesync/workflows"
)

// ceiling is what HubSpot's limit allows: 110 calls of 100 records in 10 s.
const ceiling = 1100.0 // records a second

// system is one running stack and what the bench needs of it.
type system struct {
	*stack.Stack
	vendors  seed.Vendors
	store    *store.Store
	database *pgx.Conn
}

// with runs a scenario on a stack of its own.
func (b *bench) with(ctx context.Context, opts stack.Options, scenario func(*system) error) (err error) {
	opts.Binaries, opts.Apart = b.binaries, true
	opts.ReportInterval, opts.JournalInterval = time.Minute, 15*time.Second // as in production
	log, err := os.CreateTemp("", "advocatesync-bench-*.log")
	if err != nil {
		return err
	}
	defer func() {
		if err == nil {
			err = os.Remove(log.Name())
		} else {
			b.say("what the processes said is in %s", log.Name())
		}
	}()
	opts.Log = log
	stacked, err := stack.Start(ctx, opts)
	if err != nil {
		return err
	}
	s := &system{Stack: stacked, vendors: seed.Vendors{HubSpot: stacked.HubSpotURL, Advocate: stacked.AdvocateURL}}
	defer func() {
		if s.store != nil {
			s.store.Close()
		}
		if s.database != nil {
			err = errors.Join(err, s.database.Close(context.WithoutCancel(ctx)))
		}
		err = errors.Join(err, s.Close())
	}()
	if s.store, err = s.Store(ctx); err != nil {
		return err
	}
	if s.database, err = pgx.Connect(ctx, s.DatabaseURL()); err != nil {
		return err
	}
	return scenario(s)
}

// measured is one mass sync as seen from outside.
type measured struct {
	store.Progress
	traffic seed.Traffic // at HubSpot

	whole  time.Duration // from asking for it until its end
	apply  time.Duration // from the first contact written until the last
	rate   float64       // contacts a second while it applied
	events int64         // in its Temporal history, or the last of several
	cpu    map[string]time.Duration
	memory memory // of the worker, sampled evenly from the first write to the last
}

func (m measured) callsPerRecord() float64 { return float64(m.HubSpotCalls) / float64(m.Total) }

// sampleEvery is how often a mass sync is sampled: often against the seconds
// that it takes, rarely enough not to be a load itself.
const sampleEvery = 100 * time.Millisecond

// massSync runs a mass sync as an operator does and watches it from outside.
// meanwhile, unless nil, runs beside it from the first write on and is waited for.
func (b *bench) massSync(ctx context.Context, s *system, meanwhile func() error) (measured, error) {
	var m measured
	if err := s.vendors.Reset(ctx); err != nil {
		return m, err
	}
	before := processes()
	out, err := s.Command(ctx, nil, "mass-sync", "start", "--json")
	if err != nil {
		return m, err
	}
	var started struct {
		Run int64 `json:"run"`
	}
	if err := json.Unmarshal([]byte(out), &started); err != nil {
		return m, fmt.Errorf("mass-sync start answers no JSON: %w", err)
	}
	w := watch{bench: b, system: s, run: started.Run, meanwhile: meanwhile}
	if err := w.toTheEnd(ctx, &m); err != nil {
		return m, err
	}
	m.whole = m.FinishedAt.Sub(m.CreatedAt)
	described, err := s.Temporal.DescribeWorkflowExecution(ctx, workflows.MassSyncID(s.ConnectionID, m.ID), "")
	if err != nil {
		return m, err
	}
	m.events = described.GetWorkflowExecutionInfo().GetHistoryLength()
	m.cpu = cpuSince(before)
	b.say("%s: %d of %d done in %s, %d HubSpot calls, CPU %s", m.State, m.Done(), m.Total, m.whole.Round(time.Millisecond), m.HubSpotCalls, cpuLine(m.cpu))
	if m.Run.State != store.RunDone || m.Done() != m.Total {
		return m, fmt.Errorf("mass sync %d ended as %s: %s", m.ID, m.Run.State, m.Reason)
	}
	return m, nil
}

// watch looks at one mass sync until it has ended.
type watch struct {
	bench     *bench
	system    *system
	run       int64
	meanwhile func() error

	first, last time.Time // when a write was seen first, and last
	written     int       // by then
	atFirst     int
	beside      chan error
}

func (w *watch) toTheEnd(ctx context.Context, m *measured) error {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	said := time.Now()
	for m.FinishedAt.IsZero() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		var err error
		if m.traffic, err = w.system.vendors.Traffic(ctx); err != nil {
			return err
		}
		w.note(m)
		if m.Progress, err = w.system.store.MassProgress(ctx, w.system.ConnectionID, w.run); err != nil {
			return err
		}
		if time.Since(said) > 15*time.Second {
			said = time.Now()
			w.bench.say("  %d of %d, %.0f/s lately", m.Done(), m.Total, m.Rate)
		}
	}
	m.apply = w.last.Sub(w.first)
	if m.apply > 0 {
		m.rate = float64(w.written-w.atFirst) / m.apply.Seconds()
	}
	if w.beside != nil {
		if err := <-w.beside; err != nil {
			return err
		}
	}
	var err error
	m.traffic, err = w.system.vendors.Traffic(ctx)
	return err
}

// note takes down what changed since the last look.
func (w *watch) note(m *measured) {
	if m.traffic.Writes <= w.written {
		return
	}
	w.last = time.Now()
	if w.first.IsZero() {
		w.first, w.atFirst = w.last, m.traffic.Writes
		w.begin()
	}
	w.written = m.traffic.Writes
	m.memory = append(m.memory, processes()["worker"].resident)
}

// begin starts what is to happen beside the mass sync.
func (w *watch) begin() {
	if w.bench.profile != "" {
		go w.bench.profileWorker(w.system)
	}
	if w.meanwhile != nil {
		w.beside = make(chan error, 1)
		go func() { w.beside <- w.meanwhile() }()
	}
}

// profiled is how long a CPU profile of the worker is taken.
const profiled = 10 * time.Second

// profileWorker writes a CPU profile of the worker into the profile folder.
func (b *bench) profileWorker(s *system) {
	name := filepath.Join(b.profile, fmt.Sprintf("worker-%s.pprof", time.Now().Format("150405")))
	file, err := os.Create(name)
	if err == nil {
		url := fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", s.WorkerURL, int(profiled.Seconds()))
		err = errors.Join(download(context.Background(), url, file), file.Close())
	}
	if err != nil {
		b.say("no profile: %v", err)
		return
	}
	b.say("profile of the worker: %s", name)
}

func download(ctx context.Context, url string, into io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(into, resp.Body)
	return errors.Join(err, resp.Body.Close())
}
