// Keys prints the keys of buildkitd.toml that this version of BuildKit knows: a line for each, with the kind of its
// value. `*` stands for a name that the operator chooses, `[]` for an entry of an array of tables.
//
// It uses nothing of BuildKit but the type that buildkitd decodes into, so it builds with every version that has one.
package main

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"

	"github.com/moby/buildkit/cmd/buildkitd/config"
)

var text = reflect.TypeFor[encoding.TextUnmarshaler]()

func main() { walk("", reflect.TypeFor[config.Config]()) }

func walk(path string, t reflect.Type) {
	switch {
	case t.Kind() == reflect.Pointer:
		walk(path, t.Elem())
	case reflect.PointerTo(t).Implements(text):
		fmt.Printf("%s\t%s\n", path, strings.ToLower(t.Name()))
	case t.Kind() == reflect.Struct:
		for field := range fields(t) {
			name, _, _ := strings.Cut(field.Tag.Get("toml"), ",")
			switch {
			case field.Anonymous && name == "":
				walk(path, field.Type)
			case field.IsExported():
				walk(below(path, name, field.Name), field.Type)
			}
		}
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Struct:
		walk(path+".*", t.Elem())
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		walk(path+"[]", t.Elem())
	case t.Kind() == reflect.Slice:
		fmt.Printf("%s\tarray of %s\n", path, t.Elem().Kind())
	case t.Kind() == reflect.Map:
		fmt.Printf("%s\ttable\n", path)
	default:
		fmt.Printf("%s\t%s\n", path, t.Kind())
	}
}

func fields(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

// below names a key; one with a dot in it is quoted, as in the file.
func below(path, tag, field string) string {
	name := tag
	if name == "" {
		name = field
	}
	if strings.Contains(name, ".") {
		name = `"` + name + `"`
	}
	if path == "" {
		return name
	}
	return path + "." + name
}
