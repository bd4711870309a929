package main

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// A block of HCL, such as template or artifact.
type block struct {
	Type string `json:"type"`
	// Values as text. Those of blocks within have the block's name before them: options.checksum.
	Attributes map[string]string `json:"attributes"`
}

// parse reads blocks by the HCL that Nomad reads jobs with.
func parse(text string) ([]block, error) {
	file, diagnostics := hclsyntax.ParseConfig([]byte(text), "task.hcl", hcl.InitialPos)
	if diagnostics.HasErrors() {
		return nil, fmt.Errorf("parse HCL: %w", diagnostics)
	}
	found := []block{}
	for _, one := range file.Body.(*hclsyntax.Body).Blocks {
		attributes := map[string]string{}
		if err := collect(one.Body, "", attributes); err != nil {
			return nil, err
		}
		found = append(found, block{Type: one.Type, Attributes: attributes})
	}
	return found, nil
}

func collect(body *hclsyntax.Body, prefix string, attributes map[string]string) error {
	for name, attribute := range body.Attributes {
		value, diagnostics := attribute.Expr.Value(nil)
		if diagnostics.HasErrors() {
			return fmt.Errorf("read %s%s: %w", prefix, name, diagnostics)
		}
		text, err := convert.Convert(value, cty.String)
		if err != nil {
			return fmt.Errorf("read %s%s: %w", prefix, name, err)
		}
		attributes[prefix+name] = text.AsString()
	}
	for _, inner := range body.Blocks {
		if err := collect(inner.Body, prefix+inner.Type+".", attributes); err != nil {
			return err
		}
	}
	return nil
}
