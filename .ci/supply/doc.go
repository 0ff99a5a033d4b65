// Package supply checks where the product comes from: the licences of what is
// linked into it. The module also names the tool that looks for known
// vulnerabilities. It is a module of its own, so that neither is in the product's.
package supply
