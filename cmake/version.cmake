# Writes the version, the commit (and whether the tree differs from it), the compiler and the version of LibTorch to
# OUTPUT, if changed.
execute_process(COMMAND git -C ${SOURCE_DIR} rev-parse --short=12 HEAD
                OUTPUT_VARIABLE commit RESULT_VARIABLE code
                OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(code)
  set(commit "unknown")
else()
  execute_process(COMMAND git -C ${SOURCE_DIR} status --porcelain --untracked-files=no
                  OUTPUT_VARIABLE changes ERROR_QUIET)
  if(changes)
    string(APPEND commit "+dirty")
  endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT [[
#include "lcr/experiment/version.h"

namespace lcr {
const char* const kVersion = "@VERSION@";
const char* const kCommit = "@commit@";
const char* const kCompiler = "@COMPILER@";
const char* const kLibTorch = "@LIBTORCH@";
}  // namespace lcr
]])
