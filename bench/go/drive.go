package main

import (
	"sync"
	"time"
)

// drive keeps inFlight aggregates in flight for a duration, and returns how long each took. A failure ends the process, because it
// would falsify the figures.
func drive(call func() error, inFlight int, duration time.Duration) []time.Duration {
	until := time.Now().Add(duration)
	own := make([][]time.Duration, inFlight)
	var loops sync.WaitGroup
	for i := range own {
		loops.Add(1)
		go func(i int) {
			defer loops.Done()
			for {
				startedAt := time.Now()
				check(call())
				own[i] = append(own[i], time.Since(startedAt))
				if time.Now().After(until) {
					return
				}
			}
		}(i)
	}
	loops.Wait()
	var all []time.Duration
	for _, durations := range own {
		all = append(all, durations...)
	}
	return all
}
