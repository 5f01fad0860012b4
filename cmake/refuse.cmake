# lcr_refuse(TEXT): ends the configuration with one line that says what is wrong and what to do. The blank in front
# keeps CMake from wrapping it; `make` prints only such lines (Makefile, CONFIGURE).
function(lcr_refuse text)
  message(FATAL_ERROR " configure: ${text}")
endfunction()
