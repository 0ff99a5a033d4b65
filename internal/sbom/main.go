// Command sbom prints the software bill of materials of Go programs, in
// CycloneDX 1.6: every module that is linked into the binaries named, as the
// binaries themselves record it. What is in go.mod but in no binary is left out.
//
// The same binaries give the same text to the byte: it holds no time, and its
// serial number follows from its content.
package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

// bill is a document of CycloneDX 1.6, as far as we fill it in; its names are
// those of https://cyclonedx.org/docs/1.6/json/.
type bill struct {
	Schema       string      `json:"$schema"`
	Format       string      `json:"bomFormat"`
	SpecVersion  string      `json:"specVersion"`
	SerialNumber string      `json:"serialNumber"`
	Version      int         `json:"version"`
	Metadata     metadata    `json:"metadata"`
	Components   []component `json:"components"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func run(programs []string, out io.Writer) error {
	if len(programs) == 0 {
		return errors.New("name the programs to look into")
	}
	product := component{Type: "application", Ref: "advocatesync", Name: "advocatesync"}
	linked := map[string]component{}
	for _, program := range programs {
		info, err := buildinfo.ReadFile(program)
		if err != nil {
			return err
		}
		file, err := fileOf(program)
		if err != nil {
			return err
		}
		linked[file.Ref] = file
		standard := goModule("std", strings.TrimPrefix(info.GoVersion, "go"))
		linked[standard.Ref] = standard
		for _, dep := range info.Deps {
			made := moduleOf(dep)
			linked[made.Ref] = made
		}
	}
	return write(product, linked, out)
}

// fileOf describes a program by the hash of its content.
func fileOf(program string) (component, error) {
	content, err := os.ReadFile(program)
	if err != nil {
		return component{}, err
	}
	sum := sha256.Sum256(content)
	name := filepath.Base(program)
	return component{Type: "file", Ref: "file:" + name, Name: name, Hashes: []hash{{"SHA-256", hex.EncodeToString(sum[:])}}}, nil
}

func moduleOf(dep *debug.Module) component {
	if dep.Replace != nil {
		dep = dep.Replace
	}
	made := goModule(dep.Path, dep.Version)
	if dep.Sum != "" {
		// The checksum database's hash of the module, which is not one of
		// CycloneDX's algorithms.
		made.Properties = []property{{"go:sum", dep.Sum}}
	}
	return made
}

// goModule names a module as https://github.com/package-url/purl-spec does.
func goModule(path, version string) component {
	purl := "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
	return component{Type: "library", Ref: purl, Name: path, Version: version, PURL: purl}
}

func write(product component, linked map[string]component, out io.Writer) error {
	document := bill{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", SpecVersion: "1.6", Version: 1,
		Metadata: metadata{Component: product},
	}
	for _, c := range linked {
		document.Components = append(document.Components, c)
	}
	slices.SortFunc(document.Components, func(a, b component) int { return strings.Compare(a.Ref, b.Ref) })
	content, err := json.Marshal(document.Components)
	if err != nil {
		return err
	}
	document.SerialNumber = serial(content)
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(document)
}

// serial is a UUID of RFC 9562, version 8, made from what it stands for.
func serial(content []byte) string {
	sum := sha256.Sum256(content)
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	x := hex.EncodeToString(sum[:16])
	return "urn:uuid:" + x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}
