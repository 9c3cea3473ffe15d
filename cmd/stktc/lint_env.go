package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"stktc/grammar"
	"stktc/topology/load"
)

// environments are the --env files, those of one host under its name, those of all under "".
type environments map[string][]grammar.Environment

// readEnvironments reads [NODE=]FILE each.
func readEnvironments(values []string) (environments, error) {
	envs := environments{}
	for _, v := range values {
		node, file, named := strings.Cut(v, "=")
		if !named {
			node, file = "", v
		}
		env, err := readEnvironment(file)
		if err != nil {
			return nil, err
		}
		envs[node] = append(envs[node], env)
	}
	return envs, nil
}

// readEnvironment reads a file of NAME=VALUE lines, as systemd's EnvironmentFile and shells have them: blank lines and comments between, quotes around a
// value, "export" before a name.
func readEnvironment(file string) (grammar.Environment, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", file, errors.Unwrap(err))
	}
	values := map[string]string{}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" || strings.ContainsAny(name, " \t\"'") {
			return nil, fmt.Errorf("%s:%d: %q is not NAME=VALUE", file, number, line)
		}
		values[name] = unquoted(strings.TrimSpace(value))
	}
	return func(name string) (string, bool) {
		value, set := values[name]
		return value, set
	}, nil
}

func unquoted(value string) string {
	if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
		return value[1 : n-1]
	}
	return value
}

// of gives what is known of a host's environment, its own files last.
func (e environments) of(h *load.Host) []grammar.Environment {
	list := e[""]
	return append(list[:len(list):len(list)], e[h.Dir]...)
}

// unknown gives the name of a host that --env speaks of and that is not there.
func (e environments) unknown(hosts []load.Host) string {
	for _, node := range slices.Sorted(maps.Keys(e)) {
		found := node == ""
		for _, h := range hosts {
			found = found || h.Dir == node
		}
		if !found {
			return node
		}
	}
	return ""
}
