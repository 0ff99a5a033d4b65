// Package deploy checks, offline, what the repository hands to others to run: the
// compose file, the Dockerfile, the alert rules and the dashboard. It is a module
// of its own, because the parsers it takes are large.
package deploy
