// What was built: filled in by the build.
#pragma once

namespace lcr {

extern const char* const
    kCommit;  ///< twelve digits, "+dirty" where the tree differs, "unknown" outside a repository
extern const char* const kCompiler;

}  // namespace lcr
