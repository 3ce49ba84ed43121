//go:build gotoml1

package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/moby/buildkit/cmd/buildkitd/config"
	"github.com/pelletier/go-toml"
)

// BuildKit read with go-toml 1 up to v0.27.
const parser = "github.com/pelletier/go-toml"

// unknown returns the keys that BuildKit would ignore.
func unknown(content []byte) ([]string, error) {
	keys := []string{}
	var loaded config.Config
	err := toml.NewDecoder(bytes.NewReader(content)).Strict(true).Decode(&loaded)
	if err == nil {
		return keys, nil
	}
	// Printed by `%q` of a slice: quoted words between brackets. Nothing else of the error can be had.
	const before = "undecoded keys: ["
	rest, is := strings.CutPrefix(err.Error(), before)
	if !is {
		return keys, err
	}
	for rest != "]" {
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return keys, fmt.Errorf("%q after the keys %q", rest, keys)
		}
		key, err := strconv.Unquote(quoted)
		if err != nil {
			return keys, err
		}
		keys = append(keys, key)
		rest = strings.TrimPrefix(rest[len(quoted):], " ")
	}
	return keys, nil
}
