# Uses ccache and a fast linker if they are installed. Neither changes what is built.
include(CheckLinkerFlag)
find_program(LCR_CCACHE ccache)
if(LCR_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Units with a precompiled header are cached only with these settings; the base directory lets
  # clones share the cache.
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

# Several sources per compilation unit: LibTorch's headers, read once per unit, take most of the build. For editing one file
# again and again, -DLCR_UNITY=OFF compiles each alone.
option(LCR_UNITY "Compile several sources as one unit" ON)

# Lets a library compile as unity units and, for clangd and clang-tidy, lists each of its sources with plain flags in
# compile_commands.json: an object library of the same sources that is never built.
function(lcr_compile_fast library)
  set_target_properties(${library} PROPERTIES UNITY_BUILD ${LCR_UNITY} UNITY_BUILD_BATCH_SIZE 8)
  get_target_property(sources ${library} SOURCES)
  list(REMOVE_ITEM sources ${LCR_VERSION_SOURCE})
  list(FILTER sources EXCLUDE REGEX "^\\$<")
  add_library(${library}_listed OBJECT EXCLUDE_FROM_ALL ${sources})
  get_target_property(libraries ${library} LINK_LIBRARIES)
  target_link_libraries(${library}_listed PRIVATE ${libraries})
  foreach(property INCLUDE_DIRECTORIES COMPILE_DEFINITIONS COMPILE_OPTIONS)
    get_target_property(value ${library} ${property})
    if(value)
      set_target_properties(${library}_listed PROPERTIES ${property} "${value}")
    endif()
  endforeach()
endfunction()
