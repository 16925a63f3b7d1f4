package env

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// field is one variable and the place its value goes to.
type field struct {
	name     string
	kind     kind
	target   reflect.Value
	fallback string
	required bool
	help     string
	oneof    []string
	min, max string
}

var errNotStruct = errors.New("configuration must be a pointer to a struct")

// fields lists the variables of dst in the order of their declaration.
func fields(prefix string, dst any) ([]field, error) {
	v := reflect.ValueOf(dst)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return nil, errNotStruct
	}
	return walk(prefix, v.Elem())
}

func walk(prefix string, v reflect.Value) ([]field, error) {
	var found []field
	for i := range v.NumField() {
		at := v.Type().Field(i)
		tag, tagged := at.Tag.Lookup("env")
		if !tagged && !at.Anonymous {
			continue
		}
		name := join(prefix, tag)
		sub, err := one(name, at, v.Field(i))
		if err != nil {
			return nil, err
		}
		found = append(found, sub...)
	}
	return found, nil
}

// one describes a single struct field: a variable, or the variables inside it.
func one(name string, at reflect.StructField, v reflect.Value) ([]field, error) {
	k, known := kindOf(at.Type)
	if !known && at.Type.Kind() == reflect.Struct {
		return walk(name, v)
	}
	if !known || !v.CanSet() {
		return nil, fmt.Errorf("%s: field %s has a type that cannot be read", name, at.Name)
	}
	fallback, optional := at.Tag.Lookup("default")
	f := field{
		name: name, kind: k, target: v, fallback: fallback, required: !optional,
		help: at.Tag.Get("help"), min: at.Tag.Get("min"), max: at.Tag.Get("max"),
	}
	if words := at.Tag.Get("oneof"); words != "" {
		f.oneof = strings.Split(words, ",")
	}
	return []field{f}, nil
}

func join(prefix, tag string) string {
	parts := slices.DeleteFunc([]string{prefix, tag}, func(s string) bool { return s == "" })
	return strings.Join(parts, "_")
}

// set parses text into the field's place and applies its rules.
func (f field) set(text string) error {
	if text == "" && !f.required && f.fallback == "" {
		return nil
	}
	if len(f.oneof) > 0 && !slices.Contains(f.oneof, text) {
		return fmt.Errorf("must be one of %s", strings.Join(f.oneof, ", "))
	}
	v, err := f.kind.parse(text)
	if err != nil {
		return err
	}
	if err := f.inRange(v); err != nil {
		return err
	}
	f.target.Set(reflect.ValueOf(v).Convert(f.target.Type()))
	return nil
}

func (f field) inRange(v any) error {
	if f.min != "" && f.kind.less(v, f.min) {
		return fmt.Errorf("must be at least %s", f.min)
	}
	if f.max != "" && f.kind.more(v, f.max) {
		return fmt.Errorf("must be at most %s", f.max)
	}
	return nil
}
