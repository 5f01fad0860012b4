# What connects the ranks of a run. LibTorch has c10d with Gloo, and with NCCL if it has CUDA, inside; its packages
# carry c10d's headers, but neither Gloo's nor NCCL's, which those include.

# Lets `target` use each for which everything is there. Without any, the programs run with one rank alone.
function(lcr_use_collectives target)
  set(definitions "")
  if(TARGET torch_cpu)
    get_target_property(definitions torch_cpu INTERFACE_COMPILE_DEFINITIONS)
  endif()
  # Gloo's types stay behind pointers, and nothing links its library: the headers of another version than LibTorch's
  # serve as well.
  find_path(LCR_GLOO_INCLUDE gloo/algorithm.h)
  set(gloo no)
  if(LCR_GLOO_INCLUDE AND "USE_C10D_GLOO" IN_LIST definitions)
    set(gloo yes)
    target_compile_definitions(${target} PUBLIC LCR_WITH_GLOO)
    target_include_directories(${target} SYSTEM PRIVATE ${LCR_GLOO_INCLUDE})
  endif()
  set(nccl no)
  if(TARGET torch_cuda)
    get_target_property(definitions torch_cuda INTERFACE_COMPILE_DEFINITIONS)
    # pip's torch has nccl.h in a package beside it, Debian in libnccl-dev.
    get_filename_component(packages "${TORCH_INSTALL_PREFIX}/.." ABSOLUTE)
    find_path(LCR_NCCL_INCLUDE nccl.h HINTS ${packages}/nvidia/nccl/include ${CUDAToolkit_INCLUDE_DIRS})
    if(LCR_NCCL_INCLUDE AND "USE_C10D_NCCL" IN_LIST definitions)
      set(nccl yes)
      target_compile_definitions(${target} PUBLIC LCR_WITH_NCCL)
      target_include_directories(${target} SYSTEM PRIVATE ${LCR_NCCL_INCLUDE})
    endif()
  endif()
  mark_as_advanced(LCR_GLOO_INCLUDE LCR_NCCL_INCLUDE)
  message(STATUS "several ranks: on the CPU (Gloo): ${gloo}, on CUDA (NCCL): ${nccl}")
endfunction()
