package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"

	"github.com/spf13/cobra"
)

func (a *app) requestCancel() *cobra.Command {
	var r repeat
	var reason string
	c := &cobra.Command{
		Use: "cancel REQUEST [CODE]", Short: "end a request that is held, with the code of the message that told of it", Args: cobra.RangeArgs(1, 2),
		Long: "Cancel is for whoever was told that somebody has made a request in their name: the message has the number of\n" +
			"the request and the code. Without a code, or with -, a line of standard input is the code. Nothing was looked\n" +
			"up or changed by a request that is held.",
		RunE: func(c *cobra.Command, args []string) (err error) {
			r.fill()
			req := &fulfilmentv1.CancelRequestRequest{RequestId: r.id, Request: args[0]}
			if req.Reason, err = enum[fulfilmentv1.CancelReason]("--reason", reason, "CANCEL_REASON_", fulfilmentv1.CancelReason_value); err != nil {
				return err
			}
			if req.Code, err = a.typed(append(args, "-")[1]); err != nil {
				return err
			}
			return a.requests(func(s fulfilmentv1.RequestServiceClient) error {
				resp, err := s.CancelRequest(c.Context(), req)
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(resp, []string{fmt.Sprintf("request %s is cancelled", args[0])})
			})
		},
	}
	r.flags(c.Flags(), "")
	c.Flags().StringVar(&reason, "reason", "not-me", "why: not-me, changed-mind")
	return c
}

// mostTyped is more than a code or a date may have.
const mostTyped = 1 << 10

// typed is an argument, or for - a line of standard input, which no process list
// and no shell's history shows.
func (a *app) typed(arg string) (string, error) {
	if arg != "-" {
		return arg, nil
	}
	line, err := bufio.NewReader(io.LimitReader(a.In, mostTyped)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read standard input: %w", err)
	}
	if line = strings.TrimSpace(line); line == "" {
		return "", usageError{errors.New("standard input holds no line")}
	}
	return line, nil
}
