package natsd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// StreamFolder is where the server keeps a stream below its store folder.
func StreamFolder(storeFolder, stream string) string {
	return filepath.Join(storeFolder, "jetstream", Account, "streams", stream)
}

// checkRecovered compares the streams on disk with those that the server has.
// One that it could not read is answered as missing, and would be adopted or
// destroyed by whoever creates it.
func (s *Server) checkRecovered() error {
	known, err := s.inventory()
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(StreamFolder(s.folder, ""))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("list streams on disk: %w", err)
	}
	var lost []string
	for _, entry := range entries {
		// The server renames what it is about to remove so that it begins with a dot.
		removed := strings.HasPrefix(entry.Name(), ".")
		if _, ok := known[entry.Name()]; !ok && !removed {
			lost = append(lost, entry.Name())
		}
	}
	if len(lost) > 0 {
		return refuse(StoreIncomplete, "not recovered: "+strings.Join(lost, ", ")+"; restore these folders from a backup")
	}
	return nil
}

// holdings are what must be the same in a stream before and after a rotation.
type holdings struct {
	// Messages, First and Last are zero for a stream in which messages come and
	// go by the clock.
	Messages, First, Last uint64
	// Floors are the acknowledged sequences of the durable consumers.
	Floors map[string]uint64
}

// inventory lists the streams that the server has, by name.
func (s *Server) inventory() (map[string]holdings, error) {
	info, err := s.nats.Jsz(&server.JSzOptions{Account: Account, Streams: true, Consumer: true, Config: true})
	if err != nil {
		return nil, fmt.Errorf("list recovered streams: %w", err)
	}
	known := map[string]holdings{}
	for _, account := range info.AccountDetails {
		for _, stream := range account.Streams {
			known[stream.Name] = hold(stream)
		}
	}
	return known, nil
}

func hold(stream server.StreamDetail) holdings {
	h := holdings{Floors: map[string]uint64{}}
	if c := stream.Config; c != nil && c.MaxAge == 0 && !c.AllowMsgTTL && !c.AllowMsgSchedules {
		h.Messages, h.First, h.Last = stream.State.Msgs, stream.State.FirstSeq, stream.State.LastSeq
	}
	for _, consumer := range stream.Consumer {
		if consumer.Config != nil && consumer.Config.Durable != "" {
			h.Floors[consumer.Name] = consumer.AckFloor.Stream
		}
	}
	return h
}
