//go:build !gotoml1

package main

import (
	"bytes"
	"errors"
	"strings"

	"github.com/moby/buildkit/cmd/buildkitd/config"
	"github.com/pelletier/go-toml/v2"
)

// BuildKit reads with go-toml 2 since v0.28.
const parser = "github.com/pelletier/go-toml/v2"

// unknown returns the keys that BuildKit would ignore.
func unknown(content []byte) ([]string, error) {
	keys := []string{}
	var loaded config.Config
	err := toml.NewDecoder(bytes.NewReader(content)).DisallowUnknownFields().Decode(&loaded)
	var missing *toml.StrictMissingError
	if errors.As(err, &missing) {
		for _, one := range missing.Errors {
			keys = append(keys, strings.Join(one.Key(), "."))
		}
		return keys, nil
	}
	return keys, err
}
