# What of a LibTorch makes programs that fail later, at the linker or when they run.
include(${CMAKE_CURRENT_LIST_DIR}/refuse.cmake)

# Ends with a message if LibTorch has the C++ library's old ABI, which Boost and the others do not have.
function(lcr_check_libtorch_abi)
  if("${TORCH_CXX_FLAGS}" MATCHES "_GLIBCXX_USE_CXX11_ABI=0")
    lcr_refuse("LibTorch in ${Torch_DIR} was built without the C++11 ABI, which the other libraries have; take one \
with it (pip's torch from 2.7 on, or an archive libtorch-cxx11-abi-*)")
  endif()
endfunction()

# Ends with a message if `place`, named by `origin`, is not the one that belongs to the LibTorch in use.
function(lcr_refuse_other_libtorch place own origin)
  file(REAL_PATH ${place} place)
  file(REAL_PATH ${own} own)
  if(NOT place STREQUAL own)
    lcr_refuse("two LibTorch in view: ${own} is used, but ${origin} names ${place} too; leave one of them in it, \
and configure in an empty build folder")
  endif()
endfunction()

# Ends with a message if LibTorch's own CMake files found parts of another LibTorch: they look beside
# themselves only if the prefix is the folder with lib/ and share/.
function(lcr_check_whole_libtorch)
  if(NOT c10_LIBRARY)
    return()
  endif()
  file(REAL_PATH ${c10_LIBRARY} part)
  file(REAL_PATH ${TORCH_INSTALL_PREFIX} own)
  cmake_path(IS_PREFIX own ${part} inside)
  if(NOT inside)
    lcr_refuse("two LibTorch in view: ${own} is used, but its CMake files found ${part}; name ${own} in \
CMAKE_PREFIX_PATH, and configure in an empty build folder")
  endif()
endfunction()

# Looks for a second LibTorch where the compiler, CMake or the loader would take parts of it.
function(lcr_check_one_libtorch)
  # Of CMake's prefixes the first counts, but a build folder keeps the one that it was first configured with.
  string(REPLACE ":" ";" prefixes "$ENV{CMAKE_PREFIX_PATH}")
  foreach(prefix ${CMAKE_PREFIX_PATH} ${prefixes})
    file(GLOB configs ${prefix}/TorchConfig.cmake ${prefix}/Torch/TorchConfig.cmake
         ${prefix}/share/cmake/Torch/TorchConfig.cmake ${prefix}/lib/*/cmake/Torch/TorchConfig.cmake)
    foreach(config ${configs})
      get_filename_component(folder ${config} DIRECTORY)
      lcr_refuse_other_libtorch(${folder} ${Torch_DIR} CMAKE_PREFIX_PATH)
    endforeach()
  endforeach()
  set(library "")
  if(TARGET torch_cpu)
    get_target_property(library torch_cpu LOCATION)
  endif()
  string(REPLACE ":" ";" folders "$ENV{LD_LIBRARY_PATH}")
  foreach(folder ${folders})
    if(library AND EXISTS ${folder}/libtorch_cpu.so)
      lcr_refuse_other_libtorch(${folder}/libtorch_cpu.so ${library} LD_LIBRARY_PATH)
    endif()
  endforeach()
endfunction()
