// Package chaos ends, freezes and damages the servers of the event log while
// it is in use, and compares what clients were told with what the log holds
// afterwards. The servers are real processes; what happens follows from a seed
// that is printed.
//
// The claims:
//
//   - An acknowledged commit stands where it was acknowledged, and no command
//     is carried out twice, whichever process is killed and when. An outcome
//     that stayed unknown is settled by sending the same command again.
//   - A refusal, and an answer that nothing had to be done, are never older
//     than a commit that was acknowledged before the question, even if the
//     server that gives them was frozen while others went on. The answers on
//     each counter are linearizable.
//   - What a disk lost is named by stream and sequence, by who opens, loads,
//     projects or reacts. Nobody is given less than there was without being
//     told, and a history that is whole is never called corrupt. The same for
//     limits set, streams deleted and older copies restored under a running
//     service; those are noticed within two seconds.
//   - A read model that is wiped, and written by two projections that are
//     restarted all the time, gives no answer that the log did not justify as
//     of the position that came with it, and none older than one that the same
//     reader gave. In the end it holds what a model holds that is built at once.
//
// Without a tag each campaign is short. With the tag long (make chaos) it runs
// for HABEAS_CHAOS_SECONDS, 60 unless set. HABEAS_CHAOS_SEED repeats a campaign
// as far as the machine allows.
//
// What these tests have found, and what shows it again:
//
//	what went wrong                                          test
//	a leader that was frozen confirmed a head that was old   TestALeaderThatWasFrozen…, and as a table
//	                                                         TestALeaderIsBelieved… in es/jetstream
//	one bit of an aggregate's last commit made it empty,     TestDamageOnTheOnlyReplica…
//	and it could begin anew
//	behind a lost end of a block, reads were short and       TestDamageOnTheOnlyReplica…
//	writes went on
//	a damaged replica that came to lead gave its shorter     TestDamageOnOneOfThreeReplicas…
//	history
//	a process passed over a commit that can't be read        TestDamageOnTheOnlyReplica…
//	a damaged genesis was refused without a name             TestDamageOnTheOnlyReplica…
//	a projector under load never looked at the stream's      TestWhatAnAdministratorDoes…
//	configuration
//	a process waited for ever on a stream that was deleted   TestWhatAnAdministratorDoes…
//	a restored history that had grown past the checkpoint    TestAnOlderHistory…
//	was read on as if it were the same
//	a closed connection was taken for proof that nothing     TestAConnectionThatIsClosed…
//	was stored
//	a projector that was overtaken in the middle of a        TestAReadModelAnswersRight…
//	batch dropped the rest of it
//	a process stood still for half a minute after its        TestNothingIsLostOrDoubledWhen…
//	consumer's leader was killed
//
// What they can't show to be right, because the server decides it: if the last
// record of the only replica is lost together with the index, only who
// remembers it can tell, that is a checkpoint or a service that ran before; and
// a damaged replica that leads hands its holes on to the others, so that it has
// to be replaced before it does. Between two looks, a second apart, such a
// leader can still take a write behind what it lost; the next load of the
// aggregate then finds its chain broken.
package chaos
