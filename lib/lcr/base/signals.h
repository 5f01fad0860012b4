// Stopping at a safe point: on SIGINT and SIGTERM, and in a worker when its parent asks for it or
// dies.
#pragma once

namespace lcr {

/// From now on the first SIGINT or SIGTERM only sets a flag; a second of either kind ends the
/// process at once. SIGUSR1, by which a parent stops its workers, sets the flag too and may come
/// any number of times: a terminal's Ctrl-C reaches parent and workers alike.
void watch_signals();

/// In a worker, after watch_signals(): the death of the parent counts as its SIGUSR1, and writing
/// to nobody is no reason to die.
void watch_parent();

/// Whether such a signal has arrived.
bool stop_requested();

}  // namespace lcr
