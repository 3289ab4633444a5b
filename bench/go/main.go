// The Go contenders, in a process of their own. The parent sends a task as one line of JSON, and receives the result as one line,
// over the channel that Node opens for its child processes.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
	"strconv"
)

// topics maps the name of a topic to the function that works on its tasks.
var topics = map[string]topic{
	"cancellation": topicOf(cancellation),
	"conformance":  topicOf(conformance),
	"lateness":     topicOf(lateness),
	"memory":       topicOf(memory),
	"throughput":   topicOf(throughput),
}

type topic func(task json.RawMessage, client *http.Client) (any, error)

func topicOf[Task any](work func(task Task, client *http.Client) (any, error)) topic {
	return func(text json.RawMessage, client *http.Client) (any, error) {
		var task Task
		if err := json.Unmarshal(text, &task); err != nil {
			return nil, err
		}
		return work(task, client)
	}
}

// The arguments are the topic and the maximum number of connections to a host, where 0 means any number.
func main() {
	work, ok := topics[os.Args[1]]
	if !ok {
		log.Fatalf("expected a topic that Go takes part in, got %s", os.Args[1])
	}
	connections, err := strconv.Atoi(os.Args[2])
	check(err)
	fd, err := strconv.Atoi(os.Getenv("NODE_CHANNEL_FD"))
	check(err)
	client := clientWith(connections)
	channel := os.NewFile(uintptr(fd), "channel")
	tasks, results := json.NewDecoder(channel), json.NewEncoder(channel)
	for {
		var task json.RawMessage
		if tasks.Decode(&task) != nil {
			return // the parent has closed the channel
		}
		result, err := work(task, client)
		check(err)
		check(results.Encode(result))
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
