package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"
)

// hints are what signals carry, in any order and number.
type hints[H any] interface {
	Merge(H) H
	Empty() bool
}

// drain receives the hints that have arrived, without waiting.
func drain[H hints[H]](inbox workflow.ReceiveChannel) H {
	var all H
	for {
		var hints H
		if !inbox.ReceiveAsync(&hints) {
			return all
		}
		all = all.Merge(hints)
	}
}

// await receives the hints that have arrived, or waits at most d for the next one.
func await[H hints[H]](ctx workflow.Context, inbox workflow.ReceiveChannel, d time.Duration, why string) H {
	if heard := drain[H](inbox); !heard.Empty() {
		return heard
	}
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel() // a timer left behind would wake the workflow for nothing
	var hints H
	workflow.NewSelector(ctx).
		AddReceive(inbox, func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, &hints) }).
		AddFuture(workflow.NewTimerWithOptions(ctx, d, workflow.TimerOptions{Summary: why}), func(workflow.Future) {}).
		Select(ctx)
	return hints.Merge(drain[H](inbox)) // a hint may have come with the timer
}
