// Stopping at a safe point: on SIGINT and SIGTERM, and in a worker when its parent asks for it or
// dies.
#pragma once

#include <sys/types.h>

namespace lcr {

/// From now on the first SIGINT or SIGTERM only sets a flag; a second one of either kind ends the
/// process and its workers (kill_at_second_signal()) at once. SIGUSR1, with which a parent stops
/// its workers, also sets the flag and may arrive any number of times: a terminal's Ctrl-C reaches
/// parent and workers alike.
void watch_signals();

/// The second signal kills this child too (SIGKILL), until forget_worker(), which must come before
/// the child is reaped: its id may then be another process's.
void kill_at_second_signal(pid_t worker);
void forget_worker(pid_t worker);

/// In a child between fork() and exec: the death of `parent` kills it, also while a library is
/// being loaded, until watch_parent() lets it save first. Returns false if the parent died before.
bool die_with(pid_t parent);

/// Seconds in which a worker whose parent died must have saved; then it is killed.
constexpr unsigned kSavingSeconds = 10;

/// For a worker, after watch_signals(): the death of the parent counts as its SIGUSR1, but leaves
/// only kSavingSeconds, and SIGPIPE is ignored, so that writing to a dead parent does not kill the
/// worker.
void watch_parent();

/// Whether such a signal has arrived.
bool stop_requested();

/// Stops this process as SIGUSR1 does: the signal has arrived at another process of the run.
void request_stop();

}  // namespace lcr
