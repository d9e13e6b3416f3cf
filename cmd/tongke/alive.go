package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// aliveLimit bounds one check: a stalled eMMC answers after five seconds (and heals), a dead lock never does.
const aliveLimit = 8 * time.Second

// alive asks what a lesson needs for a sign of life, all at once: the relay's loop, the store, the listeners. What hangs keeps its
// goroutine until the service manager ends the process.
func (d *daemon) alive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, aliveLimit)
	defer cancel()
	return askAll(ctx, map[string]func(context.Context) error{
		"relay": func(context.Context) error { d.relay.Stats(); return nil },
		"store": func(context.Context) error { _, err := d.store.Meta(); return err },
		"http":  d.localAnswers,
		"https": d.publicAnswers,
	})
}

// askAll puts all questions and returns when each is answered or ctx ends; the error names those that were not.
func askAll(ctx context.Context, questions map[string]func(context.Context) error) error {
	type answer struct {
		name string
		err  error
	}
	answers := make(chan answer, len(questions))
	for name, ask := range questions {
		go func() { answers <- answer{name, ask(ctx)} }() // ends with its answer
	}
	var errs []error
	open := len(questions)
	silent := map[string]bool{}
	for name := range questions {
		silent[name] = true
	}
	for open > 0 {
		select {
		case a := <-answers:
			open--
			delete(silent, a.name)
			if a.err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", a.name, a.err))
			}
		case <-ctx.Done():
			for name := range silent {
				errs = append(errs, fmt.Errorf("%s does not answer", name))
			}
			return errors.Join(errs...)
		}
	}
	return errors.Join(errs...)
}

// localAnswers asks over loopback as the screen's page does.
func (d *daemon) localAnswers(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.local.Addr().String()+"/readyz", nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy
	res, err := client.Do(req)
	if err != nil {
		return silence(err)
	}
	return res.Body.Close() // any answer is one
}

// publicAnswers shakes hands with the first of the public ports. Its address may have gone with the cable, which is no reason to end.
func (d *daemon) publicAnswers(ctx context.Context) error {
	if len(d.at.Listen) == 0 {
		return nil
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", localName(d.at.Listen[0]))
	if err != nil {
		return silence(err)
	}
	defer conn.Close()
	return silence(tls.Client(conn, d.box.ClientTLS(d.box.Pin())).HandshakeContext(ctx))
}

// silence passes only the error of one who waited in vain: whoever refuses is alive.
func silence(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return nil
}
