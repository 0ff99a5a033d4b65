package operator

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/trigger"
)

// ObjectProperty is a property that triggers can use, live from HubSpot.
type ObjectProperty struct {
	trigger.Property

	Name  string // in expressions
	Label string // in HubSpot
}

// ObjectProperties lists the properties of a type of record, by name. They are
// remembered for a minute: whoever writes a trigger asks at every mistake, and each
// question is a call of the portal's limit.
func (o *Operator) ObjectProperties(ctx context.Context, c bridge.Connection, t bridge.ObjectType) ([]ObjectProperty, error) {
	return o.properties.read(c.ID+"/"+string(t), o.now(), func() ([]ObjectProperty, error) {
		credentials, _, err := o.store.Credentials(ctx, c.ID)
		if err != nil {
			return nil, err
		}
		found, err := o.portal(c, o.clients(c, credentials)).ObjectProperties(ctx, t)
		if err != nil {
			return nil, fmt.Errorf("read the portal's properties: %w", err)
		}
		all := make([]ObjectProperty, 0, len(found))
		for _, p := range found {
			all = append(all, ObjectProperty{Property: trigger.Property{Type: p.Type, Options: options(p)}, Name: p.Name, Label: p.Label})
		}
		slices.SortFunc(all, func(a, b ObjectProperty) int { return cmp.Compare(a.Name, b.Name) })
		return all, nil
	})
}

// propertyMemory remembers properties, by connection and type of record.
type propertyMemory struct {
	mu    sync.Mutex
	known map[string]rememberedProperties
}

type rememberedProperties struct {
	all []ObjectProperty
	at  time.Time
}

// propertiesKept is for how long properties are remembered.
const propertiesKept = time.Minute

// read returns what is remembered, or asks. What is too old goes first, so that no
// more is kept than is asked for within a minute.
func (m *propertyMemory) read(key string, now time.Time, ask func() ([]ObjectProperty, error)) ([]ObjectProperty, error) {
	m.mu.Lock()
	for k, p := range m.known {
		if now.Sub(p.at) > propertiesKept {
			delete(m.known, k)
		}
	}
	found, ok := m.known[key]
	m.mu.Unlock()
	if ok {
		return found.all, nil
	}
	all, err := ask()
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[string]rememberedProperties{}
	}
	m.known[key] = rememberedProperties{all, now}
	return all, nil
}
