package sqlsystem

import "habeas.internal/services/fulfilment/internal/dataset"

// AfterChunk sets what is called after each chunk of an erasure.
func (s *System) AfterChunk(call func()) { s.paused = call }

// Dataset is the description that the system goes by.
func (s *System) Dataset() *dataset.Dataset { return s.config.Dataset }
