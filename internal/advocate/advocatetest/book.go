package advocatetest

import (
	"hash/maphash"
	"iter"
	"slices"
	"strings"
)

// user is one participant. A published user is never changed: an edit makes a
// copy and swaps it in, so a reader may keep the pointer without a lock.
type user struct {
	pos              uint32 // place in the book; never reused, so codes differ after re-creation
	programs         uint32 // bit per program the user has a code in
	id, accountID    string
	email            string
	firstName        string
	lastName         string
	stem             string        // start of the generated codes
	created, updated int64         // ms, server clock
	fields           []customField // sorted by key
	more             *details
	prev             *user // older version, kept only while a visibility lag is set
}

// details are what most users of a large tenant do not have.
type details struct {
	codes       []programText // changed primary codes
	vanity      []programText // vanity share links
	referredBy  []programText // program and the code that referred the user
	segments    []string
	locale      string
	country     string
	imageURL    string
	unreferable bool
	blocked     int64 // ms; 0 means not blocked
	taxForm     int64 // ms
}

type customField struct {
	key   string
	value any // string, float64 or bool
}

type programText struct{ program, text string }

var noDetails details

// detail returns the details for reading.
func (u *user) detail() *details {
	if u.more == nil {
		return &noDetails
	}
	return u.more
}

// edit returns a copy of u that may be changed until it is published.
func (u *user) edit() *user {
	c := *u
	c.prev = nil
	c.fields = slices.Clone(u.fields)
	if u.more != nil {
		d := *u.more
		d.codes = slices.Clone(d.codes)
		d.vanity = slices.Clone(d.vanity)
		d.referredBy = slices.Clone(d.referredBy)
		d.segments = slices.Clone(d.segments)
		c.more = &d
	}
	return &c
}

// grow returns the details for writing.
func (u *user) grow() *details {
	if u.more == nil {
		u.more = &details{}
	}
	return u.more
}

// book holds the people of a tenant, found by account or by email. The indexes
// hold numbers instead of pointers and strings: a million people fit a laptop.
type book struct {
	seed          maphash.Seed
	users         []*user // by position; nil once deleted
	live          int
	byAccount     chain
	byEmail       chain
	emptyAccounts map[string]struct{}
}

func newBook() book {
	return book{
		seed:          maphash.MakeSeed(),
		byAccount:     chain{heads: map[uint64]uint32{}},
		byEmail:       chain{heads: map[uint64]uint32{}},
		emptyAccounts: map[string]struct{}{},
	}
}

// add gives u its position and publishes it.
func (b *book) add(u *user) {
	u.pos = uint32(len(b.users))
	b.users = append(b.users, u)
	b.live++
	b.byAccount.add(maphash.String(b.seed, u.accountID), u.pos)
	b.byEmail.add(b.emailHash(u.email), u.pos)
	delete(b.emptyAccounts, u.accountID)
}

// swap publishes a new version of a user. The ids never change.
func (b *book) swap(old, u *user) {
	b.users[u.pos] = u
	if before, after := b.emailHash(old.email), b.emailHash(u.email); before != after {
		b.byEmail.remove(before, u.pos)
		b.byEmail.add(after, u.pos)
	}
}

func (b *book) remove(u *user, keepAccount bool) {
	b.users[u.pos] = nil
	b.live--
	b.byAccount.remove(maphash.String(b.seed, u.accountID), u.pos)
	b.byEmail.remove(b.emailHash(u.email), u.pos)
	if keepAccount {
		for range b.inAccount(u.accountID) {
			return
		}
		b.emptyAccounts[u.accountID] = struct{}{}
	}
}

// find takes canonical ids.
func (b *book) find(accountID, id string) *user {
	for u := range b.inAccount(accountID) {
		if u.id == id {
			return u
		}
	}
	return nil
}

func (b *book) inAccount(accountID string) iter.Seq[*user] {
	return func(yield func(*user) bool) {
		for pos := range b.byAccount.at(maphash.String(b.seed, accountID)) {
			if u := b.users[pos]; u.accountID == accountID && !yield(u) {
				return
			}
		}
	}
}

// withEmail yields the people with that email, whatever its case.
func (b *book) withEmail(email string) iter.Seq[*user] {
	return func(yield func(*user) bool) {
		for pos := range b.byEmail.at(b.emailHash(email)) {
			if u := b.users[pos]; strings.EqualFold(u.email, email) && !yield(u) {
				return
			}
		}
	}
}

// all yields the people in the order they were created.
func (b *book) all() iter.Seq[*user] {
	return func(yield func(*user) bool) {
		for _, u := range b.users {
			if u != nil && !yield(u) {
				return
			}
		}
	}
}

func (b *book) emailHash(email string) uint64 {
	return maphash.String(b.seed, strings.ToLower(email))
}

// chain maps a hash to the positions that share it. Links are one number a
// position, zero meaning the end.
type chain struct {
	heads map[uint64]uint32 // position + 1
	next  []uint32          // position + 1, by position
}

func (c *chain) add(hash uint64, pos uint32) {
	for len(c.next) <= int(pos) {
		c.next = append(c.next, 0)
	}
	c.next[pos] = c.heads[hash]
	c.heads[hash] = pos + 1
}

func (c *chain) remove(hash uint64, pos uint32) {
	link := c.heads[hash]
	if link == pos+1 {
		if c.next[pos] == 0 {
			delete(c.heads, hash)
		} else {
			c.heads[hash] = c.next[pos]
		}
		return
	}
	for link != 0 {
		at := link - 1
		if c.next[at] == pos+1 {
			c.next[at] = c.next[pos]
			return
		}
		link = c.next[at]
	}
}

func (c *chain) at(hash uint64) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for link := c.heads[hash]; link != 0; link = c.next[link-1] {
			if !yield(link - 1) {
				return
			}
		}
	}
}
