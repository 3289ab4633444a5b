package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

type answer struct {
	Name   string `json:"name"`
	Orders int    `json:"orders"`
}

// callAll requests the JSON of all urls. The first error and the timeout cancel the other requests.
func callAll(client *http.Client, urls []string, timeout time.Duration) ([]answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	answers := make([]answer, len(urls))
	for i, url := range urls {
		i, url := i, url
		group.Go(func() error { return getJSON(ctx, client, url, &answers[i]) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return answers, nil
}

func getJSON(ctx context.Context, client *http.Client, url string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("HTTP %d from %s", response.StatusCode, url)
	}
	return json.NewDecoder(response.Body).Decode(into)
}

// clientWith returns a client with at most that many connections to a host, or with any number if it is 0. By default, net/http keeps
// two idle connections to a host. Here, it would open a new connection for almost every request.
func clientWith(connections int) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns = 0
	transport.MaxIdleConnsPerHost = 10_000
	transport.MaxConnsPerHost = connections
	return &http.Client{Transport: transport}
}
