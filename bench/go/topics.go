package main

import (
	"net/http"
	"runtime"
	"sort"
	"strconv"
	"syscall"
	"time"
)

// Each function has the tasks and the results of the topic with its name in bench/topics/.

type throughputTask struct {
	Origins      []string
	InFlight, Ms int
}

type slice struct {
	Rate float64 `json:"rate"`
	CPU  float64 `json:"cpu"`
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
}

func throughput(task throughputTask, client *http.Client) (any, error) {
	urls := each(task.Origins, "/ok")
	call := func() error {
		_, err := callAll(client, urls, 30*time.Second)
		return err
	}
	drive(call, task.InFlight, milliseconds(task.Ms)/2) // opens the connections
	cpu, startedAt := cpuTime(), time.Now()
	durations := drive(call, task.InFlight, milliseconds(task.Ms))
	elapsed, used := time.Since(startedAt), cpuTime()-cpu
	sort.Slice(durations, func(i, j int) bool { return durations[i] < durations[j] })
	count := float64(len(durations))
	at := func(p float64) float64 { return inMs(durations[int(p*(count-1))]) }
	return slice{count / elapsed.Seconds(), float64(used.Microseconds()) / count, at(0.5), at(0.99)}, nil
}

type conformanceTask struct{ Origins [2]string }

func conformance(task conformanceTask, client *http.Client) (any, error) {
	first, second := task.Origins[0], task.Origins[1]
	answers, err := callAll(client, each(task.Origins[:], "/ok"), 5*time.Second)
	if err != nil {
		return nil, err
	}
	failsWithin := func(limit, timeout time.Duration, urls ...string) bool {
		startedAt := time.Now()
		_, err := callAll(client, urls, timeout)
		return err != nil && time.Since(startedAt) < limit
	}
	alice := answer{"Alice", 5}
	return map[string]bool{
		"answers":      len(answers) == 2 && answers[0] == alice && answers[1] == alice,
		"failsFast":    failsWithin(2500*time.Millisecond, 5*time.Second, first+"/fail/failure", second+"/hang/failure"),
		"keepsTimeout": failsWithin(time.Second, 200*time.Millisecond, first+"/ok", second+"/hang/timeout"),
	}, nil
}

type cancellationTask struct {
	Origins                      [2]string
	LoadOrigins                  []string
	Failures, InFlight, Blocking int
}

var lastID int

func cancellation(task cancellationTask, client *http.Client) (any, error) {
	loaded := make(chan struct{})
	go func() {
		defer close(loaded)
		if task.InFlight == 0 {
			return
		}
		load := each(task.LoadOrigins, "/within/1000")
		call := func() error {
			_, err := callAll(client, load, 30*time.Second)
			return err
		}
		drive(call, task.InFlight, milliseconds(task.Failures*30+1_000))
	}()
	if task.InFlight > 0 {
		time.Sleep(time.Second) // opens all connections
	}
	for failure := 0; failure < task.Failures; failure++ {
		lastID++
		id := strconv.Itoa(lastID)
		_, _ = callAll(client, []string{task.Origins[0] + "/fail/" + id, task.Origins[1] + "/hang/" + id}, 30*time.Second)
		time.Sleep(milliseconds(task.Blocking + 10))
	}
	<-loaded
	time.Sleep(50 * time.Millisecond) // the services see the last close
	return nil, nil
}

type latenessTask struct {
	Origins  []string
	Runs, Ms int
	Spread   bool
}

func lateness(task latenessTask, client *http.Client) (any, error) {
	urls, timeout := each(task.Origins, "/hang"), milliseconds(task.Ms)
	results := make(chan float64, task.Runs)
	for run := 0; run < task.Runs; run++ {
		go func() {
			startedAt := time.Now()
			_, _ = callAll(client, urls, timeout)
			results <- inMs(time.Since(startedAt) - timeout)
		}()
		if task.Spread {
			time.Sleep(time.Millisecond)
		}
	}
	late := make([]float64, task.Runs)
	for run := range late {
		late[run] = <-results
	}
	return late, nil
}

type memoryTask struct{ Runs int }

// memory counts the heap and the stacks of the goroutines.
func memory(task memoryTask, _ *http.Client) (any, error) {
	client := &http.Client{Transport: neverRespond{}}
	wait := func(runs int) {
		for run := 0; run < runs; run++ {
			go callAll(client, []string{"http://127.0.0.1/profile", "http://127.0.0.1/orders"}, 10*time.Minute)
		}
	}
	wait(100) // creates the objects that all runs share
	before := inUse()
	wait(task.Runs)
	return (inUse() - before) / float64(task.Runs), nil
}

// neverRespond waits until the request is canceled.
type neverRespond struct{}

func (neverRespond) RoundTrip(request *http.Request) (*http.Response, error) {
	<-request.Context().Done()
	return nil, request.Context().Err()
}

func inUse() float64 {
	time.Sleep(500 * time.Millisecond) // all goroutines have started
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc + stats.StackInuse)
}

func each(origins []string, path string) []string {
	urls := make([]string, len(origins))
	for i, origin := range origins {
		urls[i] = origin + path
	}
	return urls
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func milliseconds(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }

func inMs(duration time.Duration) float64 { return duration.Seconds() * 1_000 }
