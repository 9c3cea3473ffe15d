package lab

import (
	"slices"
	"strings"

	"stktc/grammar"
)

// proxySections may have tables, listeners and servers. Their defaults are treated alike.
var proxySections = []string{"defaults", "frontend", "backend", "listen"}

// words makes a set.
func words(list string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(list) {
		set[w] = true
	}
	return set
}

// droppedSections talk to other hosts, or run programs.
var droppedSections = words("resolvers mailers program ring log-forward log-profile fcgi-app http-errors namespace_list crt-store acme traces " +
	"udp-lb dynamic-update healthcheck")

// droppedGlobal needs privilege, or more descriptors than a user may have, or concerns the process, files and hosts of the real machine.
var droppedGlobal = words("chroot user group uid gid daemon master-worker mworker-max-reloads nbproc cpu-map cpu-policy numa-cpu-mapping pidfile " +
	"stats log log-send-hostname log-tag unix-bind server-state-base server-state-file ulimit-n maxconn maxpipes fd-hard-limit set-dumpable node description " +
	"source ca-base crt-base ssl-dh-param-file ssl-engine ssl-load-extra-files issuers-chain-path module-path module-load email-alert " +
	"external-check insecure-fork-wanted insecure-setuid-wanted h1-case-adjust-file wurfl-data-file deviceatlas-json-file 51degrees-data-file")

// droppedProxy talks to other hosts, or reads their files.
var droppedProxy = words("log log-tag default-server source bind-process errorfile errorfiles load-server-state-from-file server-state-file-name " +
	"email-alert use-fcgi-app external-check dispatch http-check tcp-check transparent")

// droppedOptions are about the health of servers, which are all the lab's own.
var droppedOptions = words("httpchk tcp-check ssl-hello-chk smtpchk mysql-check pgsql-check redis-check ldap-check spop-check external-check transparent log-health-checks")

// keptProxy is what the reduced form keeps of a proxy: it listens, counts and answers.
var keptProxy = words("bind mode stick-table")

// isKept decides for the reduced form: the peers sections, and of proxies that bear a table or track into one the lines that count.
func (r *rewriter) isKept(l *grammar.Line, isHeader bool) bool {
	switch r.section.Keyword.Value {
	case "peers":
		return true
	case "global":
		_, isLocalPeer := l.Statement.(*grammar.LocalPeer)
		_, isSocket := l.Statement.(*grammar.StatsSocket)
		return isHeader || isLocalPeer || isSocket
	case "defaults":
		return isHeader || slices.Contains([]string{"mode", "timeout"}, l.Words[0].Value)
	case "frontend", "backend", "listen":
		return counts(r.section) && (isHeader || keptProxy[l.Words[0].Value] || isTrack(l) || isPlainDeny(l))
	}
	return false
}

// counts tells whether a proxy has to do with tables.
func counts(s *grammar.Section) bool {
	for i := range s.Lines {
		if _, ok := s.Lines[i].Statement.(*grammar.Table); ok || isTrack(&s.Lines[i]) {
			return true
		}
	}
	return false
}

// isTrack finds "http-request track-sc0 src [table T]" and the like, without a condition.
func isTrack(l *grammar.Line) bool {
	i := slices.IndexFunc(l.Words, func(w grammar.Scalar) bool { return strings.HasPrefix(w.Value, "track-sc") })
	return i > 0 && !slices.ContainsFunc(l.Words, func(w grammar.Scalar) bool { return w.Value == "if" || w.Value == "unless" })
}

// isPlainDeny is an answer to every request.
func isPlainDeny(l *grammar.Line) bool {
	return len(l.Words) > 1 && l.Words[0].Value == "http-request" && (l.Words[1].Value == "deny" || l.Words[1].Value == "return") &&
		!slices.ContainsFunc(l.Words, func(w grammar.Scalar) bool { return w.Value == "if" || w.Value == "unless" })
}
