// Package quit ends what a command does when its user wants that.
package quit

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Context ends with SIGINT, with SIGTERM, and when nobody reads any more what is written to one of the outputs, which it replaces by writers that notice. cancel has to be called in the end.
//
// SIGPIPE does not tell that: it also comes of sockets whose other end is gone. It is ignored from now on.
func Context(parent context.Context, outputs ...*io.Writer) (ctx context.Context, cancel context.CancelFunc) {
	signal.Ignore(syscall.SIGPIPE)
	ctx, unnotify := signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM)
	ctx, end := context.WithCancelCause(ctx)
	for _, out := range outputs {
		*out = &output{*out, func() { end(errUnread) }}
	}
	return ctx, func() { end(nil); unnotify() }
}

var errUnread = errors.New("nobody reads what is written")

type output struct {
	io.Writer
	unread func()
}

func (o *output) Write(b []byte) (int, error) {
	n, err := o.Writer.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		o.unread()
	}
	return n, err
}
