package main

import (
	"github.com/urfave/cli/v2"

	"stktc/grammar"
)

func (c *command) schemaCommand() *cli.Command {
	return &cli.Command{
		Name:      "schema",
		Usage:     "print the JSON Schema of topology files, for editors",
		UsageText: "stktc schema > topology.schema.json",
		Description: "JSON Schema draft-07, made of the tables that stktc itself reads topology files by. An editor with yaml-language-server uses it\n" +
			"for a file that begins with the line\n\n" +
			"   # yaml-language-server: $schema=topology.schema.json",
		Action: c.schema,
	}
}

func (c *command) schema(ctx *cli.Context) error {
	if ctx.Args().Present() {
		return usagef("schema takes no arguments, not %q", ctx.Args().First())
	}
	_, err := c.stdout.Write(grammar.JSONSchema())
	return err
}
