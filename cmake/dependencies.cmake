# What the library needs. Read by this build, and by the installed package (lcr-config.cmake) for
# builds against it. Ends with one line that names all that is missing, by its Debian package.
include(${CMAKE_CURRENT_LIST_DIR}/refuse.cmake)
set(LCR_MISSING "")

# Finds a package, or notes that it is missing. `debian`: the package that has it.
macro(lcr_need name debian)
  find_package(${name} ${ARGN} QUIET)
  if(NOT ${name}_FOUND)
    string(REGEX MATCH "^[0-9.]+" LCR_OLDEST "${ARGN}")
    string(STRIP "${name} ${LCR_OLDEST}" LCR_WHAT)
    list(APPEND LCR_MISSING "${LCR_WHAT} (${debian})")
  endif()
endmacro()

# The same for a library that pkg-config knows.
macro(lcr_need_module prefix module debian)
  if(PkgConfig_FOUND)
    pkg_check_modules(${prefix} QUIET IMPORTED_TARGET ${module})
  endif()
  if(NOT ${prefix}_FOUND)
    list(APPEND LCR_MISSING "${module} (${debian})")
  endif()
endmacro()

# The same for a header without a library.
macro(lcr_need_header header debian)
  find_path(LCR_HEADER_${debian} ${header})
  if(NOT LCR_HEADER_${debian})
    list(APPEND LCR_MISSING "${header} (${debian})")
  endif()
  mark_as_advanced(LCR_HEADER_${debian})
endmacro()

# Ends with a message if anything was missing so far.
function(lcr_check_nothing_missing)
  if(LCR_MISSING)
    string(REPLACE ";" ", " missing "${LCR_MISSING}")
    lcr_refuse("missing, with the Debian packages that have them: ${missing}; install them (make setup does on Debian), \
or name the folder that holds them with CMAKE_PREFIX_PATH")
  endif()
endfunction()

lcr_need(Torch libtorch-dev 1.13)
lcr_need(Boost libboost-program-options-dev 1.71 COMPONENTS program_options)
lcr_need(OpenSSL libssl-dev)
lcr_need(CURL libcurl4-openssl-dev)
lcr_need(ZLIB zlib1g-dev)
lcr_need(fmt libfmt-dev)
lcr_need(nlohmann_json nlohmann-json3-dev)
lcr_need(Threads libc6-dev)
lcr_need(OpenMP "g++, or with Clang libomp-dev" COMPONENTS CXX)
lcr_need(LibArchive libarchive-dev)
lcr_need(PNG libpng-dev)
lcr_need(JPEG libjpeg-dev)
lcr_need(PkgConfig pkg-config)
lcr_need_module(CAIRO cairo libcairo2-dev)
lcr_need_module(TURBOJPEG libturbojpeg libturbojpeg0-dev)
