package hubspottest

import (
	"fmt"
	"net/http"
)

// recordInput is what a person enters. User defaults to 77.
type recordInput struct {
	User       int64             `json:"user"`
	Source     string            `json:"source"` // IMPORT or FORM; empty: by hand
	ID         string            `json:"id"`
	Properties map[string]string `json:"properties"`
	Primary    string            `json:"primary"`
	Other      string            `json:"other"`
	Email      string            `json:"email"`
	Action     string            `json:"action"`
	To         struct {
		ObjectType string `json:"object_type"`
		ID         string `json:"id"`
		Primary    bool   `json:"primary"`
	} `json:"to"`
	Records []Record `json:"records"`
}

// asPerson reads the body and acts as the user it names.
func (h *Host) asPerson(r *http.Request, do func(Person, recordInput) (any, error)) (any, error) {
	return h.onPortal(r, func(p *Portal) (any, error) {
		in := recordInput{User: 77}
		if err := body(r, &in); err != nil {
			return nil, err
		}
		who := p.Person(in.User)
		switch in.Source {
		case "IMPORT":
			who = who.Importing()
		case "FORM":
			who = who.Submitting()
		}
		return do(who, in)
	})
}

func idBody(id string, err error) (any, error) { return map[string]string{"id": id}, err }

func (h *Host) adminCreate(r *http.Request) (any, error) {
	return h.asPerson(r, func(u Person, in recordInput) (any, error) {
		return idBody(u.Create(r.PathValue("objectType"), in.Properties))
	})
}

func (h *Host) adminEdit(r *http.Request) (any, error) {
	return h.asPerson(r, func(u Person, in recordInput) (any, error) {
		return done, u.Edit(r.PathValue("objectType"), r.PathValue("id"), in.Properties)
	})
}

func (h *Host) adminArchive(r *http.Request) (any, error) {
	return h.asPerson(r, func(u Person, _ recordInput) (any, error) {
		return done, u.Archive(r.PathValue("objectType"), r.PathValue("id"))
	})
}

func (h *Host) adminRestore(r *http.Request) (any, error) {
	return h.asPerson(r, func(u Person, _ recordInput) (any, error) {
		return done, u.Restore(r.PathValue("objectType"), r.PathValue("id"))
	})
}

func (h *Host) adminMerge(r *http.Request) (any, error) {
	return h.asPerson(r, func(u Person, in recordInput) (any, error) {
		return idBody(u.Merge(r.PathValue("objectType"), in.Primary, in.Other))
	})
}

func (h *Host) adminErase(r *http.Request) (any, error) {
	return h.asPerson(r, func(u Person, _ recordInput) (any, error) {
		return done, u.Erase(r.PathValue("id"))
	})
}

func (h *Host) adminForge(r *http.Request) (any, error) {
	return h.asPerson(r, func(u Person, in recordInput) (any, error) {
		return done, u.portal.Forge(r.PathValue("objectType"), r.PathValue("id"), in.Action)
	})
}

func (h *Host) adminAddEmail(r *http.Request) (any, error) {
	return h.asPerson(r, func(u Person, in recordInput) (any, error) {
		return done, u.AddEmail(r.PathValue("id"), in.Email)
	})
}

func (h *Host) adminAssociate(r *http.Request) (any, error) {
	return h.asPerson(r, func(u Person, in recordInput) (any, error) {
		return done, u.Associate(r.PathValue("objectType"), r.PathValue("id"), in.To.ObjectType, in.To.ID, in.To.Primary)
	})
}

// adminSeed puts many records in place without events.
func (h *Host) adminSeed(r *http.Request) (any, error) {
	return h.asPerson(r, func(u Person, in recordInput) (any, error) {
		for i, one := range in.Records {
			if _, err := u.portal.Seed(r.PathValue("objectType"), one.ID, one.Properties); err != nil {
				return nil, fmt.Errorf("record %d of %d: %w", i+1, len(in.Records), err)
			}
		}
		return map[string]int{"seeded": len(in.Records)}, nil
	})
}

func (h *Host) adminRecord(r *http.Request) (any, error) {
	return h.onPortal(r, func(p *Portal) (any, error) {
		out, found := p.Record(r.PathValue("objectType"), r.PathValue("id"))
		if !found {
			return nil, notFound()
		}
		return out, nil
	})
}

// adminRecords lists records by id, or the one contact with an email.
func (h *Host) adminRecords(r *http.Request) (any, error) {
	return h.onPortal(r, func(p *Portal) (any, error) {
		if email := r.URL.Query().Get("email"); email != "" {
			out, found := p.ContactByEmail(email)
			if !found {
				return nil, notFound()
			}
			return []Record{out}, nil
		}
		limit, err := queryInt(r, "limit", 100)
		if err != nil {
			return nil, err
		}
		return p.Records(r.PathValue("objectType"), r.URL.Query().Get("after"), limit)
	})
}
