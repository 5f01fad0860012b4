// The version of this program, filled in by the build.
#pragma once

namespace lcr {

/// Of the suite, for example "0.2.0".
extern const char* const kVersion;
/// Twelve digits, with "+dirty" if the tree has changes; "unknown" outside a repository.
extern const char* const kCommit;
/// Name and version of the compiler.
extern const char* const kCompiler;
/// The version of LibTorch that the suite was configured with, for programs without LibTorch.
extern const char* const kLibTorch;

}  // namespace lcr
