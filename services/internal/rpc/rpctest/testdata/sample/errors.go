// Package sample shows every form of error to the test of TableCovers.
package sample

import (
	"errors"
	"fmt"
)

// Errors with and without a row.
var (
	ErrCovered = errors.New("covered")
	ErrMissing = errors.New("missing")
	ErrStart   = errors.New("only at the start")
	ErrBuilt   = fmt.Errorf("built %d", 1)
	errHidden  = errors.New("hidden")
)

// MissingError has no row.
type MissingError struct{}

// Error returns a text.
func (*MissingError) Error() string { return errHidden.Error() }

// CoveredError has a row.
type CoveredError struct{}

// Error returns a text.
func (CoveredError) Error() string { return "covered" }

type hiddenError struct{}

func (hiddenError) Error() string { return "hidden" }
