// Stopping at a safe point: on SIGINT and SIGTERM, and in a worker when its parent asks for it or
// dies.
#pragma once

namespace lcr {

/// From now on the first SIGINT or SIGTERM only sets a flag; a second one of either kind ends the
/// process at once. SIGUSR1, with which a parent stops its workers, also sets the flag and may
/// arrive any number of times: a terminal's Ctrl-C reaches parent and workers alike.
void watch_signals();

/// For a worker, after watch_signals(): the death of the parent counts as its SIGUSR1, and SIGPIPE
/// is ignored, so that writing to a dead parent does not kill the worker.
void watch_parent();

/// Whether such a signal has arrived.
bool stop_requested();

}  // namespace lcr
