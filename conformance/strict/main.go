// Strict decodes buildkitd.toml files as buildkitd does, but refuses keys that it would ignore.
//
// It prints a line of JSON for each file: the versions that it was built with, the keys that BuildKit does not know,
// and what was loaded, under the names of the file. It ends with 1 if it refused a file.
//
//	strict [-disk BYTES] FILE...
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"strings"
	"time"

	"github.com/moby/buildkit/cmd/buildkitd/config"
	"github.com/moby/buildkit/util/disk"
)

// said is what is printed of a file.
type said struct {
	File     string `json:"file"`
	BuildKit string `json:"buildkit"`
	Parser   string `json:"parser"`
	// Unknown are the keys that BuildKit would ignore.
	Unknown []string `json:"unknown"`
	// Error is why buildkitd would not start.
	Error string `json:"error,omitempty"`
	// Config is what was loaded, zero values left out.
	Config any `json:"config,omitempty"`
	// Policies are the rules of collection of each worker on the disk of the given size, in bytes.
	Policies map[string][]policy `json:"policies,omitempty"`
}

type policy struct {
	All           bool     `json:"all"`
	Filters       []string `json:"filters"`
	KeepDuration  int64    `json:"keepDuration"`
	ReservedSpace int64    `json:"reservedSpace"`
	MaxUsedSpace  int64    `json:"maxUsedSpace"`
	MinFreeSpace  int64    `json:"minFreeSpace"`
}

func main() {
	size := flag.Int64("disk", 1_000_000_000_000, "the size of the disk of which percentages are taken, in bytes")
	flag.Parse()
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	refused := false
	for _, file := range flag.Args() {
		line := read(file, disk.DiskStat{Total: *size, Free: *size, Available: *size})
		refused = refused || line.Error != "" || len(line.Unknown) > 0
		if err := out.Encode(line); err != nil {
			fmt.Fprintln(os.Stderr, "strict:", err)
			os.Exit(2)
		}
	}
	if refused {
		os.Exit(1)
	}
}

func read(file string, disk disk.DiskStat) said {
	line := said{
		File:     file,
		BuildKit: version("github.com/moby/buildkit"),
		Parser:   parser + " " + version(parser),
		Unknown:  []string{},
	}
	content, err := os.ReadFile(file)
	if err != nil {
		line.Error = err.Error()
		return line
	}
	// What buildkitd makes of it, and then what it would not say.
	loaded, err := config.Load(strings.NewReader(string(content)))
	if err != nil {
		line.Error = err.Error()
		return line
	}
	if line.Unknown, err = unknown(content); err != nil {
		line.Error = err.Error()
		return line
	}
	line.Config = plain(reflect.ValueOf(loaded))
	line.Policies = map[string][]policy{
		"oci":        policies(loaded.Workers.OCI.GCConfig, disk),
		"containerd": policies(loaded.Workers.Containerd.GCConfig, disk),
	}
	return line
}

// policies does what buildkitd's getGCPolicy does (cmd/buildkitd/main.go), which is not exported.
func policies(gc config.GCConfig, disk disk.DiskStat) []policy {
	out := []policy{}
	if gc.GC != nil && !*gc.GC {
		return out
	}
	if len(gc.GCPolicy) == 0 {
		gc.GCPolicy = config.DefaultGCPolicy(gc, disk)
	}
	for _, rule := range gc.GCPolicy {
		out = append(out, policy{
			All:           rule.All,
			Filters:       rule.Filters,
			KeepDuration:  int64(rule.KeepDuration.Duration / time.Second),
			ReservedSpace: rule.ReservedSpace.AsBytes(disk),
			MaxUsedSpace:  rule.MaxUsedSpace.AsBytes(disk),
			MinFreeSpace:  rule.MinFreeSpace.AsBytes(disk),
		})
	}
	return out
}

// plain turns what was loaded into what JSON can say, under the names of the file and without zero values; nil stands
// for those. Durations are in seconds, disk space is a number of bytes or a text with a percent sign.
func plain(v reflect.Value) any {
	switch value := v.Interface().(type) {
	case config.Duration:
		if value.Duration == 0 {
			return nil
		}
		return value.Seconds()
	case config.DiskSpace:
		switch {
		case value.Percentage != 0:
			return fmt.Sprintf("%d%%", value.Percentage)
		case value.Bytes != 0:
			return value.Bytes
		}
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		// A pointer to a zero value was in the file.
		if inner := plain(v.Elem()); inner != nil || v.Elem().Kind() == reflect.Struct {
			return inner
		}
		return v.Elem().Interface()
	case reflect.Struct:
		fields := map[string]any{}
		for i := range v.NumField() {
			field := v.Type().Field(i)
			inner := plain(v.Field(i))
			if inner == nil {
				continue
			}
			if field.Anonymous {
				for key, value := range inner.(map[string]any) {
					fields[key] = value
				}
				continue
			}
			name, _, _ := strings.Cut(field.Tag.Get("toml"), ",")
			fields[name] = inner
		}
		if len(fields) == 0 {
			return nil
		}
		return fields
	case reflect.Slice:
		if v.Len() == 0 {
			return nil
		}
		items := make([]any, v.Len())
		for i := range items {
			items[i] = entry(v.Index(i))
		}
		return items
	case reflect.Map:
		if v.Len() == 0 {
			return nil
		}
		fields := map[string]any{}
		for _, key := range v.MapKeys() {
			fields[key.String()] = entry(v.MapIndex(key))
		}
		return fields
	default:
		if v.IsZero() {
			return nil
		}
		return v.Interface()
	}
}

// entry is plain for what a list or a table of free names holds: there a zero value is one.
func entry(v reflect.Value) any {
	if inner := plain(v); inner != nil {
		return inner
	}
	if v.Kind() == reflect.Struct {
		return map[string]any{}
	}
	return v.Interface()
}

func version(module string) string {
	info, _ := debug.ReadBuildInfo()
	for _, dependency := range info.Deps {
		if dependency.Path == module {
			return dependency.Version
		}
	}
	return "unknown"
}
