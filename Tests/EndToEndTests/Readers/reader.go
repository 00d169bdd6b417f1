// Reads JSON-RPC bodies as a server in Go would: encoding/json, which takes names without case, and net/url. Answers as reader.py does.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"os"
	"strings"
)

type body struct {
	Method *string         `json:"method"`
	ID     json.RawMessage `json:"id"`
	Params json.RawMessage `json:"params"`
}

type params struct {
	Name json.RawMessage `json:"name"`
	URI  json.RawMessage `json:"uri"`
	Ref  struct {
		Type string          `json:"type"`
		Name json.RawMessage `json:"name"`
		URI  json.RawMessage `json:"uri"`
	} `json:"ref"`
	Notifications struct {
		ResourceSubscriptions []json.RawMessage `json:"resourceSubscriptions"`
	} `json:"notifications"`
}

type reading struct {
	Method  *string    `json:"method"`
	Folded  string     `json:"folded"`
	ID      *string    `json:"id"`
	Targets []string   `json:"targets"`
	Names   []string   `json:"names"`
	Forms   [][]string `json:"forms"`
}

func folded(text string) string { return strings.ToLower(strings.Trim(strings.TrimSpace(text), "\x00\ufeff\u200b")) }

// What net/url writes of what it has read, and where a request to it would go.
func readings(text string) []string {
	forms := []string{}
	if parsed, err := url.Parse(text); err == nil {
		forms = append(forms, parsed.String())
		if parsed.Opaque == "" && parsed.Scheme != "" {
			forms = append(forms, parsed.ResolveReference(&url.URL{Fragment: parsed.Fragment, RawFragment: parsed.RawFragment}).String())
		}
	}
	return forms
}

func targets(method string, raw json.RawMessage) []string {
	var read params
	// A member of another type leaves the rest read.
	_ = json.Unmarshal(raw, &read)
	var found []json.RawMessage
	switch method {
	case "tools/call", "prompts/get":
		found = append(found, read.Name)
	case "resources/read", "resources/subscribe":
		found = append(found, read.URI)
	case "completion/complete":
		switch read.Ref.Type {
		case "ref/prompt":
			found = append(found, read.Ref.Name)
		case "ref/resource":
			found = append(found, read.Ref.URI)
		}
	case "subscriptions/listen":
		found = read.Notifications.ResourceSubscriptions
	}
	texts := []string{}
	for _, one := range found {
		var text *string
		if json.Unmarshal(one, &text) == nil && text != nil {
			texts = append(texts, *text)
		}
	}
	return texts
}

func identity(raw json.RawMessage) *string {
	if raw == nil {
		return nil
	}
	text := "i:" + string(raw)
	var value string
	if raw[0] == '"' && json.Unmarshal(raw, &value) == nil {
		text = "s:" + value
	}
	return &text
}

func message(raw json.RawMessage) (reading, error) {
	var read body
	if err := json.Unmarshal(raw, &read); err != nil {
		return reading{}, err
	}
	result := reading{Method: read.Method, ID: identity(read.ID)}
	if read.Method == nil {
		return result, nil
	}
	result.Folded = folded(*read.Method)
	result.Targets = targets(result.Folded, read.Params)
	for _, target := range result.Targets {
		result.Names = append(result.Names, folded(target))
		result.Forms = append(result.Forms, readings(target))
	}
	return result, nil
}

func read(line []byte) []reading {
	raw, err := base64.StdEncoding.DecodeString(string(line))
	if err != nil {
		return nil
	}
	messages := []json.RawMessage{raw}
	if trimmed := bytes.TrimLeft(raw, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		if json.Unmarshal(raw, &messages) != nil {
			return nil
		}
	}
	result := []reading{}
	for _, one := range messages {
		next, err := message(one)
		if err != nil {
			return nil
		}
		result = append(result, next)
	}
	return result
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	output := bufio.NewWriter(os.Stdout)
	defer output.Flush()
	writer := json.NewEncoder(output)
	for lines.Scan() {
		_ = writer.Encode(read(lines.Bytes()))
	}
}
