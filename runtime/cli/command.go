package cli

import (
	"fmt"
	"slices"
	"strings"
)

// command is one that the socket knows.
type command struct {
	words       []string
	usage, help string
	json        bool // a last word "json" asks for that form
	run         func(c *client, args []string)
}

// commands lists them in the order of the help. It is made on demand: help itself is one of them.
func commands() []command {
	return []command{
		{[]string{"clear", "table"}, "clear table <table> [<filter>]*", "remove entries from a table (filter: data/key)", true, clearTable},
		{[]string{"operator"}, "operator", "lower the level of the current CLI session to operator", false, lower(Operator)},
		{[]string{"reload"}, "reload [json]", "read the configuration again, all of it or nothing (level admin)", true, reload},
		{[]string{"set", "severity-output"}, "set severity-output [none|number|string]", "set presence of severity level in feedback information", false, setSeverity},
		{[]string{"show", "aggrs"}, "show aggrs [json] [<section>]", "show the aggregations: sources, tables, what is missing", true, showAggrs},
		{[]string{"show", "cli", "level"}, "show cli level", "display the level of the current CLI session", false, showLevel},
		{[]string{"show", "contributions"}, "show contributions <table> key <key>", "show what each peer contributes to the sum of a key", true, showContributions},
		{[]string{"show", "errors"}, "show errors [json]", "show the last messages that broke the protocol", true, showErrors},
		{[]string{"show", "info"}, "show info [json]", "report information about the running process", true, showInfo},
		{[]string{"show", "peers"}, "show peers [dict|-] [section]", "dump some information about all the peers or this section's", true, showPeers},
		{[]string{"show", "reload"}, "show reload [json]", "show what became of the last reload", true, showReload},
		{[]string{"show", "table"}, "show table <table> [<filter>]*", "report table usage stats or dump this table's contents (filter: data/key)", true, showTable},
		{[]string{"show", "version"}, "show version", "show version of the current process", false, showVersion},
		{[]string{"user"}, "user", "lower the level of the current CLI session to user", false, lower(User)},
		{[]string{"help"}, "help [<command>]", "list matching or all commands", false, help},
		{[]string{"prompt"}, "prompt", "toggle interactive mode with prompt", false, prompt},
		{[]string{"quit"}, "quit", "disconnect", false, quit},
	}
}

// always are the commands that every help lists.
var always = []string{"help", "prompt", "quit"}

// findCommand gives the command that the words begin with; nil if there is none.
func findCommand(words []string) *command {
	for _, cmd := range commands() {
		if len(words) >= len(cmd.words) && slices.Equal(cmd.words, words[:len(cmd.words)]) {
			return &cmd
		}
	}
	return nil
}

// matching lists the commands that share their first words with those typed, as many as possible, else those that are written much like them; nil if there are none.
func matching(words []string) []command {
	for n := len(words); n > 0; n-- {
		typed := strings.Join(words[:n], " ")
		list := slices.DeleteFunc(commands(), func(cmd command) bool {
			return !strings.HasPrefix(strings.Join(cmd.words, " "), typed)
		})
		if len(list) > 0 {
			return list
		}
	}
	return similar(words)
}

// maxTypos is how many letters may be missing, too many or others for a word to be taken for a command's.
const maxTypos = 2

// similar lists the commands whose first word is nearest to the one that was typed, and of these, where it is near too, whose second.
func similar(words []string) []command {
	list := commands()
	for place, typed := range words[:min(len(words), 2)] {
		least := maxTypos + 1
		for _, cmd := range list {
			least = min(least, cmd.typos(place, typed))
		}
		if least > maxTypos {
			if place == 0 {
				return nil
			}
			break
		}
		list = slices.DeleteFunc(list, func(cmd command) bool { return cmd.typos(place, typed) != least })
	}
	if len(words) == 0 {
		return nil
	}
	return list
}

// typos counts the letters by which a word that was typed differs from the command's own at that place, not minding capitals.
func (cmd *command) typos(place int, typed string) int {
	if place >= len(cmd.words) {
		return maxTypos + 1
	}
	return distance(cmd.words[place], strings.ToLower(typed[:min(len(typed), maxWord)]))
}

// maxWord is longer than any command's word by more than maxTypos: what follows need not be compared.
const maxWord = 20

// distance is the least number of letters to insert, remove, replace or swap with the next that makes one word the other (optimal string alignment).
func distance(a, b string) int {
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			replaced := last[j]
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, replaced)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}

// unknown answers a command that is none.
func (c *client) unknown(words []string) {
	list := matching(words)
	intro := "Unknown command, but maybe one of the following ones is a better match:"
	if list == nil {
		list = commands()
		intro = "Unknown command. Please enter one of the following commands only:"
	}
	c.w.WriteString(severities["info"][c.severity])
	c.list(intro, list)
}

// help lists the commands that begin as the words do, or all.
func help(c *client, words []string) {
	list := matching(words)
	if len(words) == 0 {
		list = commands()
	}
	c.w.WriteString(severities["info"][c.severity])
	c.list("The following commands are valid at this level:", list)
}

func (c *client) list(intro string, list []command) {
	fmt.Fprintln(c.w, intro)
	for _, cmd := range commands() {
		isListed := slices.ContainsFunc(list, func(o command) bool { return o.usage == cmd.usage })
		if isListed || slices.Contains(always, cmd.words[0]) {
			fmt.Fprintf(c.w, "  %-40s: %s\n", cmd.usage, cmd.help)
		}
	}
}

func prompt(c *client, _ []string) { c.interactive = !c.interactive }

func quit(c *client, _ []string) { c.quit = true }

// lower gives the command that lowers the level.
func lower(level Level) func(*client, []string) {
	return func(c *client, _ []string) {
		if !c.denied(level) {
			c.level = level
		}
	}
}

func showLevel(c *client, _ []string) { fmt.Fprintln(c.w, c.level) }

func showVersion(c *client, _ []string) { fmt.Fprintln(c.w, c.srv.opt.Version) }

func setSeverity(c *client, args []string) {
	if len(args) == 1 && slices.Contains([]string{"none", "number", "string"}, args[0]) {
		c.severity = args[0]
		return
	}
	c.fail("one of 'none', 'number', 'string' is a required argument")
}
