package advocate

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"advocatesync/internal/bridge"
	"advocatesync/internal/lenient"
)

// person is what every answer says about a participant alike.
type person struct {
	ID           lenient.Text                 `json:"id"`
	AccountID    lenient.Text                 `json:"accountId"`
	Email        lenient.Text                 `json:"email"`
	FirstName    lenient.Text                 `json:"firstName"`
	LastName     lenient.Text                 `json:"lastName"`
	DateCreated  lenient.Moment               `json:"dateCreated"`
	CustomFields lenient.Map[json.RawMessage] `json:"customFields"`
}

// participant reads what can be read. The error is invalid, and about this
// participant alone, where that leaves out what decisions hang on or what would be
// written to a contact.
func (p person) participant(op, contactIDField string, code, link lenient.Text) (bridge.Participant, error) {
	userID, userOK := p.ID.ID()
	accountID, accountOK := p.AccountID.ID()
	switch {
	case !userOK || !accountOK || userID == "" || accountID == "":
		return bridge.Participant{}, unreadable(op, "ids")
	case p.Email.Odd():
		return bridge.Participant{}, unreadable(op, "email")
	case code.Odd():
		return bridge.Participant{}, unreadable(op, "referral code")
	case link.Odd():
		return bridge.Participant{}, unreadable(op, "share link")
	}
	var contactID lenient.Text // may have been stored as a number
	if raw, set := p.CustomFields.Values[contactIDField]; set {
		_ = json.Unmarshal(raw, &contactID) // never fails
	}
	names, _ := contactID.ID() // one that cannot be an id names no contact
	return bridge.Participant{
		AccountID: accountID, UserID: userID,
		Email: p.Email.String(), FirstName: p.FirstName.String(), LastName: p.LastName.String(),
		ReferralCode: code.String(), ShareLink: link.String(), HubSpotContactID: names, DateCreated: p.DateCreated.Time,
	}, nil
}

func unreadable(op, what string) error {
	return &bridge.Error{Kind: bridge.Invalid, System: bridge.SystemAdvocate, Op: op, Status: http.StatusOK, Code: bridge.CodeUnreadable,
		Err: errors.New("Advocate shows this participant, but its " + what + " in no form that can be read")}
}

// openUser is what the vendor says about a participant (SaaSquatch REST
// reference: OpenUser), as far as it concerns us.
type openUser struct {
	person
	ReferralCodes     lenient.Map[lenient.Text] `json:"referralCodes"`
	ProgramShareLinks lenient.Map[links]        `json:"programShareLinks"`
}

// links are a program's share links; only the direct one without engagement
// medium and the one without any medium matter here.
type links struct {
	Clean   lenient.Text              `json:"cleanShareLink"`
	Unknown lenient.Map[lenient.Text] `json:"UNKNOWN"`
}

// shareLink is the link that is written to the contact: the direct one, which
// the vendor's own connector appears to use, or the clean one.
func (l links) shareLink() lenient.Text { return either(l.Unknown.Values["DIRECT"], l.Clean) }

// either is the first of two texts that is there.
func either(first, second lenient.Text) lenient.Text {
	if first.Odd() || first.String() != "" {
		return first
	}
	return second
}

// Upsert creates or updates a participant, and their account, in one call. The
// answer does not tell which; Advocate keeps what is not sent, so empty fields
// of the change are left out. The participant comes back with the ids under
// which Advocate stored it and its code and link in the program.
//
// Errors by kind: do_not_track for an erased identity, bad_cookie and bad_code
// for the referral fields, invalid for an email or name the vendor rejects.
//
// Source: SaaSquatch REST reference, PUT open/account/{a}/user/{u}.
func (c *Client) Upsert(ctx context.Context, change bridge.ParticipantChange, programID string) (bridge.Participant, error) {
	return c.participant(ctx, opUpsert, http.MethodPut, change.AccountID, change.UserID, programID, c.userInput(change))
}

const opUpsert = "advocate.upsert_participant"

// userInput is what a change sends: Advocate keeps what is left out.
func (c *Client) userInput(change bridge.ParticipantChange) map[string]any {
	in := map[string]any{"id": change.UserID, "accountId": change.AccountID}
	for field, value := range map[string]string{
		"email": change.Email, "firstName": change.FirstName, "lastName": change.LastName, "cookies": change.Cookie,
	} {
		if value != "" {
			in[field] = value
		}
	}
	if change.ReferredByCode != "" {
		in["referredByCodes"] = []string{change.ReferredByCode}
	}
	if change.HubSpotContactID != "" {
		in["customFields"] = map[string]string{c.field: change.HubSpotContactID}
	}
	return in
}

// SetContactID changes nothing of a participant but the HubSpot contact id that it
// carries; an empty one is taken off. Advocate would make a participant that does
// not exist, so the caller looks first.
//
// Source: SaaSquatch REST reference, PUT open/account/{a}/user/{u}: null removes a
// custom field.
func (c *Client) SetContactID(ctx context.Context, id bridge.Identity, contactID string) error {
	var value *string
	if contactID != "" {
		value = &contactID
	}
	in := map[string]any{"id": id.UserID, "accountId": id.AccountID, "customFields": map[string]*string{c.field: value}}
	_, err := c.participant(ctx, "advocate.set_contact_id", http.MethodPut, id.AccountID, id.UserID, "", in)
	return err
}

const opGet = "advocate.get_participant"

// Participant looks a participant up by ids, in whatever form; it is not_found
// if there is none.
//
// Source: SaaSquatch REST reference, GET open/account/{a}/user/{u}.
func (c *Client) Participant(ctx context.Context, accountID, userID, programID string) (bridge.Participant, error) {
	return c.participant(ctx, opGet, http.MethodGet, accountID, userID, programID, nil)
}

func (c *Client) participant(ctx context.Context, op, method, accountID, userID, programID string, in any) (bridge.Participant, error) {
	path, err := userPath(op, accountID, userID)
	if err != nil {
		return bridge.Participant{}, err
	}
	var u openUser
	if err := c.do(ctx, op, method, path, in, &u); err != nil {
		return bridge.Participant{}, err
	}
	if u.ReferralCodes.Odd { // not an empty map: the participant may have one
		return bridge.Participant{}, unreadable(op, "referral codes")
	}
	p, err := u.participant(op, c.field, u.ReferralCodes.Values[programID], u.ProgramShareLinks.Values[programID].shareLink())
	if err != nil {
		return bridge.Participant{}, err
	}
	if p.ReferralCode == "" || p.ShareLink != "" {
		return p, nil
	}
	// The answer shows the links of at most ten active programs; this one is
	// not among them, though the participant takes part in it.
	p.ShareLink, err = c.shareLink(ctx, p.Identity(), programID)
	return p, err
}

// shareLink asks for the links of one program (SaaSquatch REST reference, GET
// open/account/{a}/user/{u}/shareurls).
func (c *Client) shareLink(ctx context.Context, id bridge.Identity, programID string) (string, error) {
	const op = "advocate.get_share_link"
	path, err := userPath(op, id.AccountID, id.UserID)
	if err != nil {
		return "", err
	}
	var out struct {
		ShareLinks *links `json:"shareLinks"`
	}
	query := url.Values{"programId": {programID}}
	if err := c.do(ctx, op, http.MethodGet, path+"/shareurls?"+query.Encode(), nil, &out); err != nil {
		return "", err
	}
	if out.ShareLinks == nil || out.ShareLinks.shareLink().Odd() {
		return "", unreadable(op, "share link") // taken for none, the contact's would be cleared
	}
	return out.ShareLinks.shareLink().String(), nil
}

// Delete removes a participant; one that is not there is not_found, which most
// callers count as done. With doNotTrack the identity can never register again,
// and the emptied account goes too, because its id may be an email.
//
// Source: SaaSquatch REST reference, DELETE open/account/{a}/user/{u}.
func (c *Client) Delete(ctx context.Context, accountID, userID string, doNotTrack bool) error {
	const op = "advocate.delete_participant"
	path, err := userPath(op, accountID, userID)
	if err != nil {
		return err
	}
	if doNotTrack {
		path += "?doNotTrack=true&preserveEmptyAccount=false"
	}
	return c.do(ctx, op, http.MethodDelete, path, nil, nil)
}

// userPath refuses empty ids: without them the address would mean something
// else, at worst a whole account.
func userPath(op, accountID, userID string) (string, error) {
	if accountID == "" || userID == "" {
		return "", &bridge.Error{Kind: bridge.Invalid, Op: op, Err: errors.New("account id and user id are both needed")}
	}
	return "/open/account/" + url.PathEscape(accountID) + "/user/" + url.PathEscape(userID), nil
}
