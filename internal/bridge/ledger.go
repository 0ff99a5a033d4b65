package bridge

import "time"

// Ledger is what we remember of one contact besides its mapping: the last decision,
// and keyed hashes of what each side last accepted from us. By it we tell that
// there is nothing to do and recognise the echo of our own writes. It holds no
// personal data.
type Ledger struct {
	State  State
	Reason Reason // of the last decision

	AwaitedAsNew bool   // began to wait for an email while new
	SentHash     []byte // hash of the ParticipantChange that Advocate last accepted; nil: none yet
	WrittenHash  []byte // hash of the SharedProperties that HubSpot last accepted; nil: none yet

	DecidedAt time.Time
}
