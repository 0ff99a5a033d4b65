package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is the kernel's unit of CPU time in /proc, on Linux always.
const ticksPerSecond = 100

// taken is what the processes of one program take. Of PostgreSQL that is the
// sum over its processes; of the bench itself it includes the Temporal server.
type taken struct {
	cpu      time.Duration
	resident int64 // bytes
}

// processes returns what we and our descendants take, by program. It knows only
// Linux; elsewhere it returns nothing.
func processes() map[string]taken {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	all := map[int]process{}
	for _, file := range files {
		if p, err := readProcess(file); err == nil {
			all[p.id] = p
		}
	}
	used := map[string]taken{}
	for _, p := range all {
		if !p.descends(os.Getpid(), all) {
			continue
		}
		sum := used[p.name]
		sum.cpu += p.cpu
		sum.resident += p.resident
		used[p.name] = sum
	}
	return used
}

type process struct {
	id, parent int
	name       string
	taken
}

func (p process) descends(from int, all map[int]process) bool {
	for p.id != from {
		parent, known := all[p.parent]
		if !known {
			return false
		}
		p = parent
	}
	return true
}

// readProcess reads /proc/[pid]/stat (proc(5)).
func readProcess(file string) (process, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return process{}, err
	}
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return process{}, fmt.Errorf("%s: no name", file)
	}
	const parent, userTicks, systemTicks, childUser, childSystem, residentPages = 1, 11, 12, 13, 14, 21
	fields := strings.Fields(string(text[end+1:]))
	if len(fields) <= residentPages {
		return process{}, fmt.Errorf("%s: only %d fields", file, len(fields))
	}
	number := func(i int) int64 {
		n, _ := strconv.ParseInt(fields[i], 10, 64) // the kernel writes numbers
		return n
	}
	id, err := strconv.Atoi(strings.TrimSpace(string(text[:open])))
	if err != nil {
		return process{}, err
	}
	ticks := number(userTicks) + number(systemTicks) + number(childUser) + number(childSystem)
	return process{
		id: id, parent: int(number(parent)), name: string(text[open+1 : end]),
		taken: taken{cpu: time.Duration(ticks) * time.Second / ticksPerSecond, resident: number(residentPages) * int64(os.Getpagesize())},
	}, nil
}

// cpuSince is the CPU time that each program has taken since a time.
func cpuSince(before map[string]taken) map[string]time.Duration {
	cpu := map[string]time.Duration{}
	for name, now := range processes() {
		cpu[name] = now.cpu - before[name].cpu
	}
	return cpu
}

func cpuLine(cpu map[string]time.Duration) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(cpu)) {
		if cpu[name] >= 100*time.Millisecond {
			parts = append(parts, fmt.Sprintf("%s %.1f s", name, cpu[name].Seconds()))
		}
	}
	return strings.Join(parts, ", ")
}

// memory is what a process took, in bytes, sampled evenly.
type memory []int64

// at is what it took at a part of the time, in MiB.
func (m memory) at(part float64) float64 {
	return float64(m[int(part*float64(len(m)-1))]) / (1 << 20)
}

func (m memory) String() string {
	if len(m) == 0 {
		return "not known"
	}
	return fmt.Sprintf("%.0f, %.0f, %.0f MiB, most %.0f", m.at(0.1), m.at(0.5), m.at(1), float64(slices.Max(m))/(1<<20))
}
