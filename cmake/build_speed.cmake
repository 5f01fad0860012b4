# What makes builds faster where it is installed: ccache and a fast linker. Neither changes what is built.
include(CheckLinkerFlag)
find_program(LCR_CCACHE ccache)
if(LCR_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Units with a precompiled header are cached only with these settings; the base directory lets clones share.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${LCR_CCACHE})
  add_compile_options($<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fpch-preprocess>)
endif()
foreach(linker mold lld)
  if(NOT LCR_LINKER)
    check_linker_flag(CXX -fuse-ld=${linker} LCR_HAS_${linker})
    if(LCR_HAS_${linker})
      set(LCR_LINKER ${linker})
      add_link_options(-fuse-ld=${linker})
    endif()
  endif()
endforeach()
