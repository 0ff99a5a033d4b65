package store

// ErasureLock lets the tests stand in the way of an erasure, or of those whom
// it makes wait.
const ErasureLock = erasureLock
