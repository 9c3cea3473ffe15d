package runtime

import (
	"testing"
	"time"

	"stktc/runtime/session"
)

// TestAcks: the age grows from when the last acknowledgement was seen that is not the last update's, in any table that the peer takes.
func TestAcks(t *testing.T) {
	var k acks
	now := time.Now()
	for i, step := range []struct {
		wait   time.Duration
		tables []session.TableStatus
		want   time.Duration
	}{
		{0, nil, 0},
		{time.Second, []session.TableStatus{{Name: "t", Pushed: 5, Acked: 5}}, 0},
		{time.Second, []session.TableStatus{{Name: "t", Pushed: 9, Acked: 5}}, 0},
		{time.Second, []session.TableStatus{{Name: "t", Pushed: 2, Acked: 9}}, 0}, // behind, and getting on
		{time.Second, []session.TableStatus{{Name: "t", Pushed: 3, Acked: 9}}, time.Second},
		{time.Second, []session.TableStatus{{Name: "t", Pushed: 4, Acked: 9}, {Name: "u", Pushed: 7, Acked: 1}}, 2 * time.Second},
		{time.Second, []session.TableStatus{{Name: "t", Pushed: 4, Acked: 4}, {Name: "u", Pushed: 7, Acked: 1}}, time.Second},
		{time.Second, []session.TableStatus{{Name: "u", Pushed: 7, Acked: 7}, {Name: "unknown", Pushed: 3, Unaccepted: true}}, 0},
		{time.Hour, []session.TableStatus{{Name: "u", Pushed: 7, Acked: 7}, {Name: "unknown", Pushed: 3, Unaccepted: true}}, 0},
	} {
		now = now.Add(step.wait)
		k.look(step.tables, now)
		if got := k.age(now); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
}
