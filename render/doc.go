// Package render turns values into bytes: configuration files, findings, graphs, differences. Its printers are pure functions of what they
// are given: they read no file and no clock, know no terminal, and equal values give equal bytes. Text that users wrote is escaped for
// the format that it is put into, whatever it holds.
package render
