package consent_test

import (
	"context"
	"crypto/tls"
	"fmt"

	"habeas.internal/proto/client/consent"
	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// token is the product's credential.
type token struct{}

func (token) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer …"}, nil
}
func (token) RequireTransportSecurity() bool { return true }

func Example() {
	conn, err := grpc.NewClient("dns:///consent:8443", grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS13})),
		grpc.WithPerRPCCredentials(token{}))
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	client := consent.New(conn, consent.Config{})
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go client.Run(ctx)

	answer, err := client.Check(ctx, &consentv1.Question{
		SubjectRef: "aaaaaaaaaaaaaaaaaaaaaaaaaa", Policy: "qcera", Action: consentv1.Action_ACTION_USE, Purpose: "mail.periodic",
		Categories: []string{"visitor.email"}, Source: consentv1.Source_SOURCE_ONLINE, Channel: "email",
	})
	if err != nil || !answer.Allowed {
		fmt.Println("not sent:", answer.Reason, err)
		return
	}
	fmt.Println("sent")
}
