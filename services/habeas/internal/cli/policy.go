package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/internal/wholefile"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
)

func (a *app) policy() *cobra.Command {
	return group("policy", "published privacy policies", a.policyLint(), a.policyDiff(), a.policyPublish(),
		a.policyPost(), a.policyList(), a.policyShow())
}

func (a *app) policyPublish() *cobra.Command {
	var r repeat
	c := &cobra.Command{
		Use: "publish FILE", Short: "publish a version of a policy", Args: cobra.ExactArgs(1),
		Long: "Publish adds the version that a YAML file holds; see docs/policies.md. It decides nothing before it is posted.",
		RunE: func(c *cobra.Command, args []string) error {
			r.fill()
			text, err := wholefile.Read(args[0], wholefile.Usual)
			if err != nil {
				return usageError{fmt.Errorf("read policy: %w", err)}
			}
			return a.consents(func(conn *grpc.ClientConn) error {
				p, err := consentv1.NewPolicyServiceClient(conn).PublishPolicy(c.Context(),
					&consentv1.PublishPolicyRequest{RequestId: r.id, Document: text})
				if err != nil {
					return r.failed(err, false)
				}
				return a.show(p, []string{"POLICY\tVERSION\tHASH\tREDUCES", cells(p.GetPolicy(), p.GetVersion(), p.GetHash(), dash(numbers(p.GetReduces())))})
			})
		},
	}
	r.flags(c.Flags(), "")
	return c
}

func (a *app) policyPost() *cobra.Command {
	var r repeat
	var file, hash, notice string
	c := &cobra.Command{
		Use: "post POLICY VERSION", Short: "record that a version was posted for people to read", Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			r.fill()
			version, err := versionOf(args[1])
			if err != nil {
				return err
			}
			at, err := r.moment()
			if err != nil {
				return err
			}
			digest, err := textHash(file, hash)
			if err != nil {
				return err
			}
			return a.consents(func(conn *grpc.ClientConn) error {
				resp, err := consentv1.NewPolicyServiceClient(conn).PostPolicy(c.Context(), &consentv1.PostPolicyRequest{
					RequestId: r.id, Policy: args[0], Version: version, TextHash: digest, PostedAt: at, ProminentNotice: notice,
				})
				if err != nil {
					return r.failed(err, true)
				}
				return a.show(resp, []string{fmt.Sprintf("version %d of %s is in force", version, args[0])})
			})
		},
	}
	r.flags(c.Flags(), "when it was posted")
	c.Flags().StringVar(&file, "text", "", "file of the text that people read")
	c.Flags().StringVar(&notice, "prominent-notice", "", "where it was announced so that nobody overlooks it, such as web:front-page")
	c.Flags().StringVar(&hash, "text-hash", "", "SHA-256 of that text, hex, in place of the file")
	return c
}

func versionOf(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 0 {
		return 0, usageError{errors.New("a version is a number from 1")}
	}
	return uint32(n), nil
}

// mostText is far more than people read.
const mostText = 64 << 20

func textHash(file, hash string) (string, error) {
	if (file == "") == (hash == "") {
		return "", usageError{errors.New("one of --text and --text-hash is needed")}
	}
	if hash != "" {
		return hash, nil
	}
	text, err := wholefile.Read(file, mostText)
	if err != nil {
		return "", usageError{fmt.Errorf("read text: %w", err)}
	}
	digest := sha256.Sum256(text)
	return hex.EncodeToString(digest[:]), nil
}

func (a *app) policyList() *cobra.Command {
	var p page
	c := &cobra.Command{
		Use: "list", Short: "list policies and their versions", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.consents(func(conn *grpc.ClientConn) error {
				all := &consentv1.ListPoliciesResponse{}
				err := p.all(func(token string) (string, error) {
					resp, err := consentv1.NewPolicyServiceClient(conn).ListPolicies(c.Context(),
						&consentv1.ListPoliciesRequest{PageSize: p.size, PageToken: token})
					all.Versions = append(all.Versions, resp.GetVersions()...)
					return resp.GetNextPageToken(), err
				})
				if err != nil {
					return err
				}
				rows := []string{"POLICY\tVERSION\tPOSTED\tHASH"}
				for _, v := range all.GetVersions() {
					rows = append(rows, cells(v.GetPolicy(), v.GetVersion(), day(v.GetPostedAt()), v.GetHash()[:min(12, len(v.GetHash()))]))
				}
				return a.show(all, rows)
			})
		},
	}
	p.flags(c.Flags())
	return c
}

func (a *app) policyShow() *cobra.Command {
	var version uint32
	c := &cobra.Command{
		Use: "show POLICY", Short: "print a version's document", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.consents(func(conn *grpc.ClientConn) error {
				p, err := consentv1.NewPolicyServiceClient(conn).GetPolicy(c.Context(),
					&consentv1.GetPolicyRequest{Policy: args[0], Version: version})
				if err != nil {
					return err
				}
				return a.show(p,
					[]string{"POLICY\tVERSION\tPOSTED\tHASH", cells(p.GetPolicy(), p.GetVersion(), day(p.GetPostedAt()), p.GetHash())},
					[]string{string(p.GetDocument())})
			})
		},
	}
	c.Flags().Uint32Var(&version, "version", 0, "version; the one in force if zero")
	return c
}
