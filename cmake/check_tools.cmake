# Says in one line what CMake itself would say in many, before project() looks for a compiler.
include(${CMAKE_CURRENT_LIST_DIR}/refuse.cmake)
set(LCR_OLDEST_GNU 12)    # the oldest that the tests ran with
set(LCR_OLDEST_Clang 14)

# Ends with a message if no C++ compiler is in view.
function(lcr_check_there_is_a_compiler)
  if(CMAKE_CXX_COMPILER)
    set(named ${CMAKE_CXX_COMPILER})
  elseif(NOT "$ENV{CXX}" STREQUAL "")
    separate_arguments(named UNIX_COMMAND "$ENV{CXX}")
    list(GET named 0 named)
  endif()
  if(named)
    find_program(LCR_COMPILER NAMES ${named} NO_CACHE)
    if(NOT LCR_COMPILER)
      lcr_refuse("there is no C++ compiler ${named}; name another with CXX=PROGRAM or unset CXX")
    endif()
    return()
  endif()
  find_program(LCR_COMPILER NAMES c++ CC g++ clang++ icpx NO_CACHE)
  if(NOT LCR_COMPILER)
    lcr_refuse("no C++ compiler is installed; install GCC ${LCR_OLDEST_GNU} or Clang ${LCR_OLDEST_Clang} or newer \
(make setup does on Debian), or name one with CXX=PROGRAM")
  endif()
endfunction()

# Ends with a message if the compiler is older than those that the suite was tested with.
function(lcr_check_age_of_compiler)
  set(oldest ${LCR_OLDEST_${CMAKE_CXX_COMPILER_ID}})
  if(oldest AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS oldest)
    lcr_refuse("${CMAKE_CXX_COMPILER} is ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}, and C++20 needs \
${oldest} or newer; name another compiler with CXX=PROGRAM and an empty build folder")
  endif()
endfunction()
