package main

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

// count is the value of a flag that takes numbers as people write them: 20000, 20k, 1.5m, 1e6.
type count int

// counts says what parseCount accepts.
const counts = "whole numbers, as `500`, `20k`, `1.5m` and `1e6`"

var countText = regexp.MustCompile(`^(-?\d+(?:\.\d+)?(?:[eE]\d{1,2})?)([kKmM]?)$`)

// parseCount reads a whole number; k and m are factors of a thousand and a million.
func parseCount(text string) (int, error) {
	m := countText.FindStringSubmatch(text)
	if m == nil {
		return 0, errors.New(counts)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	n = math.Round(n*factors[strings.ToLower(m[2])]*1e6) / 1e6 // 1.001k is not whole in binary
	if err != nil || n != math.Trunc(n) || math.Abs(n) > 1<<52 {
		return 0, errors.New(counts)
	}
	return int(n), nil
}

var factors = map[string]float64{"": 1, "k": 1e3, "m": 1e6}

// Set is that of flag.Value.
func (c *count) Set(text string) error {
	n, err := parseCount(text)
	*c = count(n)
	return err
}

// String writes the digits, as cli.Context.Int reads them.
func (c *count) String() string { return strconv.Itoa(int(*c)) }

// Accepted is that of flags.Accepter.
func (*count) Accepted() string { return counts }

// Get is that of flag.Getter.
func (c *count) Get() any { return int(*c) }

// countFlag is a flag that cli.Context.Int reads.
func countFlag(category, name string, value int, usage string) cli.Flag {
	c := count(value)
	return &cli.GenericFlag{Category: category, Name: name, Value: &c, Usage: usage}
}
