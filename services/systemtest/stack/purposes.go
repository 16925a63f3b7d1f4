package stack

import (
	"context"

	"habeas.internal/services/audit"
)

// Uses are the uses of data outside the policies, as an auditor finds them, and how
// many were judged.
func (s *Stack) Uses(f audit.UseFilter) (out []audit.Use, judged uint64) {
	s.t.Helper()
	err := s.audit(func(ctx context.Context, a *audit.Auditor) error {
		sum, err := a.Purposes(ctx, f, func(u audit.Use) error {
			out = append(out, u)
			return nil
		})
		judged = sum.Judged
		return err
	})
	if err != nil {
		s.t.Fatalf("judge uses: %v", err)
	}
	return out, judged
}
