// The version of this program, filled in by the build.
#pragma once

namespace lcr {

/// Twelve digits, with "+dirty" if the tree has changes; "unknown" outside a repository.
extern const char* const kCommit;
/// Name and version of the compiler.
extern const char* const kCompiler;

}  // namespace lcr
