package api

import (
	"encoding"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"tongke/signaling/protocol"
)

// object is a JSON object of the description.
type object = map[string]any

// describe answers with the OpenAPI 3.1 description, which is made of the table of routes and the types of their bodies.
func (a *API) describe(w http.ResponseWriter, _ request) error {
	paths := object{}
	add := func(path, method string, op object) {
		if paths[path] == nil {
			paths[path] = object{}
		}
		paths[path].(object)[strings.ToLower(method)] = op
	}
	for _, r := range a.routes() {
		add(r.path, r.method, operation(r))
	}
	for _, o := range others {
		op := object{"summary": o.summary, "responses": object{strconv.Itoa(o.status): object{"description": http.StatusText(o.status)}}}
		if p := parameters(o.path); p != nil {
			op["parameters"] = p
		}
		add(o.path, o.method, op)
	}
	return writeJSON(w, http.StatusOK, object{
		"openapi": "3.1.0",
		"info":    object{"title": "tongke", "version": a.cfg.Version},
		"paths":   paths,
		"components": object{
			"schemas":         object{"Error": schema(reflect.TypeFor[fault]())},
			"securitySchemes": object{"token": object{"type": "http", "scheme": "bearer"}, "session": object{"type": "apiKey", "in": "cookie", "name": "__Host-tongke-" + a.cfg.BoxID[:8]}},
		},
	})
}

// others are the faces of other parts on the same port.
var others = []struct {
	method, path, summary string
	status                int
}{
	{"GET", "/metrics", "Figures in the text format of Prometheus.", 200},
	{"POST", "/whip/{lesson}", "Publish (RFC 9725): application/sdp in, application/sdp out, then PATCH and DELETE on Location.", 201},
	{"POST", "/whep/{lesson}", "Watch (WHEP): application/sdp in, application/sdp out, then PATCH and DELETE on Location.", 201},
}

func operation(r route) object {
	answer := object{"description": http.StatusText(r.status)}
	if r.answer != nil {
		answer["content"] = object{"application/json": object{"schema": schema(reflect.TypeOf(r.answer))}}
	}
	op := object{
		"summary": r.summary,
		"responses": object{
			strconv.Itoa(r.status): answer,
			"default":              object{"description": "Refused", "content": object{"application/json": object{"schema": object{"$ref": "#/components/schemas/Error"}}}},
		},
	}
	if r.body != nil {
		op["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": schema(reflect.TypeOf(r.body))}}}
	}
	if r.who != everybody {
		op["security"] = []object{{"token": []string{}}, {"session": []string{}}}
	}
	if p := parameters(r.path); p != nil {
		op["parameters"] = p
	}
	return op
}

func parameters(path string) (list []object) {
	for part := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			list = append(list, object{"name": strings.TrimSuffix(name, "}"), "in": "path", "required": true, "schema": object{"type": "string"}})
		}
	}
	return list
}

// schema describes a type by its JSON form.
func schema(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[protocol.Campuses]():
		return object{"oneOf": []object{{"const": "all"}, {"type": "array", "items": object{"type": "string"}}}}
	case t == reflect.TypeFor[[]byte]():
		return object{"type": "string", "contentEncoding": "base64"}
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return object{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schema(t.Elem())
	case reflect.Slice:
		return object{"type": "array", "items": schema(t.Elem())}
	case reflect.Struct:
		properties, required := object{}, []string{}
		fields(t, properties, &required)
		o := object{"type": "object", "properties": properties}
		if len(required) > 0 {
			o["required"] = required
		}
		return o
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return object{"type": "integer"}
	}
	return object{}
}

func fields(t reflect.Type, properties object, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			fields(f.Type, properties, required)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		properties[name] = schema(f.Type)
		if !strings.Contains(options, "omit") {
			*required = append(*required, name)
		}
	}
}
