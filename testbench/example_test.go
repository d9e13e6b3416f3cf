package testbench_test

import (
	"context"
	"fmt"

	"tongke/testbench"
)

// A lesson over a line that loses 5 % of all packets, in real time: what each campus saw and heard.
func ExampleRun() {
	s, err := testbench.Scenario("loss-5")
	if err != nil {
		panic(err) // a test would fail here
	}
	res, err := testbench.Run(context.Background(), s, testbench.Options{Seed: 7})
	if err != nil {
		panic(err)
	}
	for _, l := range res.Limits {
		fmt.Println(l, l.Passed)
	}
}
