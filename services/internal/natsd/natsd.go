// Package natsd runs the event log's server inside the process: NATS with
// JetStream, on files, every acknowledged message synced to disk first.
//
// It is the production configuration, whatever runs it: one account, one nkey
// user per service with an explicit list of what it may publish and subscribe
// to, TLS 1.3 where a certificate is given, no monitoring port. The same
// configuration is rendered as text for the nodes of a cluster, so that what
// the tests run is what is deployed.
//
// Before the server touches its store, a guard compares the encryption key
// with the one that the store was made with. A server that is started with
// another key comes up empty, and the first attempt to create a stream then
// destroys the one on disk; so a doubtful start is refused with a
// [RefusedError] and the files stay as they are.
package natsd

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// readyPoll is how long one look at the starting server lasts.
const readyPoll = 100 * time.Millisecond

// Server is a running embedded server. Its methods may be called from several
// goroutines.
type Server struct {
	nats   *server.Server
	folder string
	// release lets another server have the data directory.
	release func()
	stop    sync.Once
}

// Start checks the store, starts the server on it and returns when all streams
// are recovered and clients can connect. Recovery reads the whole store after
// a crash: ctx bounds it, and Config.StartTimeout. After an error nothing runs.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("check configuration: %w", err)
	}
	st, err := openStore(cfg.Dir, cfg.Key, cfg.OldKey)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s, err := startOn(ctx, cfg, st)
	if err != nil {
		st.close()
		return nil, fmt.Errorf("start server: %w", err)
	}
	return s, nil
}

// startOn runs the server on a store that the guard has let through.
func startOn(ctx context.Context, cfg Config, st *store) (*Server, error) {
	if st.rotate {
		if err := rotateStore(ctx, cfg, st); err != nil {
			return nil, fmt.Errorf("rotate encryption key: %w", err)
		}
	}
	s, err := start(ctx, cfg, launch{folder: st.folder(), key: cfg.Key})
	if err != nil {
		return nil, err
	}
	s.release = st.close
	return s, nil
}

// launch says on which files a server runs, and with which keys.
type launch struct {
	folder   string
	key, old Key
}

// start runs a server and returns when it has recovered all that the folder
// holds.
func start(ctx context.Context, cfg Config, l launch) (*Server, error) {
	opts, err := embeddedOptions(cfg, l)
	if err != nil {
		return nil, err
	}
	ns, err := server.NewServer(opts)
	if err != nil {
		return nil, err
	}
	log := newBridge(cfg.Logger)
	ns.SetLoggerV2(log, false, false, false)
	go ns.Start()
	s := &Server{nats: ns, folder: l.folder, release: func() {}}
	err = s.waitReady(ctx, cfg.StartTimeout, log)
	if err == nil {
		err = s.checkRecovered()
	}
	if err != nil {
		s.Shutdown()
		return nil, err
	}
	return s, nil
}

func (s *Server) waitReady(ctx context.Context, limit time.Duration, log *bridge) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for !s.nats.ReadyForConnections(readyPoll) {
		select {
		case err := <-log.fatal:
			return err
		case <-ctx.Done():
			return fmt.Errorf("wait for recovery: %w", ctx.Err())
		default:
		}
	}
	return nil
}

// embeddedOptions goes through the text form, so that accounts and users are
// built by the server's own parser and there is one configuration to read.
func embeddedOptions(cfg Config, l launch) (*server.Options, error) {
	text, err := render(Node{Config: cfg}, l.folder)
	if err != nil {
		return nil, err
	}
	opts := new(server.Options)
	if err := opts.ProcessConfigString(text); err != nil {
		return nil, fmt.Errorf("parse configuration: %w", err)
	}
	opts.NoSigs = true
	opts.DisableJetStreamBanner = true
	opts.DontListen = cfg.InProcessOnly
	if l.key != "" {
		opts.JetStreamCipher = server.ChaCha
		opts.JetStreamKey, opts.JetStreamOldKey = string(l.key), string(l.old)
	}
	return opts, nil
}

// ClientURL is the address for clients on this machine, with the port that was
// really taken. It means nothing for a server that is in-process only.
func (s *Server) ClientURL() string { return s.nats.ClientURL() }

// InProcessConn opens a connection that never touches the network; users and
// permissions hold as on any other. Give the server to nats.InProcessServer,
// with an empty address: ClientURL may make the client ask for TLS.
func (s *Server) InProcessConn() (net.Conn, error) { return s.nats.InProcessConn() }

// StoreFolder is where the files of the streams are; it changes when the key is
// rotated.
func (s *Server) StoreFolder() string { return s.folder }

// Health is nil while the server runs and its storage works. Storage is
// switched off by the server itself when the disk is full or fails.
func (s *Server) Health() error {
	if !s.nats.Running() {
		return fmt.Errorf("the server has stopped")
	}
	if !s.nats.JetStreamEnabled() {
		return fmt.Errorf("the server has switched its storage off")
	}
	return nil
}

// Shutdown ends the server and returns when its files are complete, so that
// the next start need not scan the store. Close the connections first. It may
// be called again.
func (s *Server) Shutdown() {
	s.stop.Do(func() {
		s.nats.Shutdown()
		s.nats.WaitForShutdown()
		s.release()
	})
}
