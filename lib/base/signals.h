// Stopping on SIGINT and SIGTERM at a safe point.
#pragma once

namespace lcr {

/// From now on the first SIGINT or SIGTERM only sets a flag; a second of the same kind ends the process at once.
void watch_signals();

/// Whether such a signal has arrived.
bool stop_requested();

}  // namespace lcr
