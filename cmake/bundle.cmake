# Part of the installation script, only for packages (package.cmake): copies the libraries that the programs need and a
# plain Debian lacks, with the texts of their licences, and Fashion-MNIST.
if(LCR_CUDA)
  message(FATAL_ERROR " package: this build's LibTorch has CUDA, which is gigabytes of libraries: use Dockerfile.cuda, or "
          "make install on each machine")
endif()
set(destination "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}")
set(licences "${destination}/${LCR_DOC_DIR}/libraries")
file(MAKE_DIRECTORY "${destination}/lib/lcr" "${licences}")

# The C and C++ libraries, which apt itself needs, are those of the system: they must fit its loader.
file(GET_RUNTIME_DEPENDENCIES EXECUTABLES ${LCR_PROGRAM_FILES}
  RESOLVED_DEPENDENCIES_VAR libraries UNRESOLVED_DEPENDENCIES_VAR missing
  PRE_EXCLUDE_REGEXES "^ld-linux" "^lib(c|m|mvec|dl|rt|pthread|resolv|util|anl|stdc\\+\\+|gcc_s)\\.so")
if(missing)
  message(FATAL_ERROR " package: not found on this machine: ${missing}")
endif()
foreach(library ${libraries})
  get_filename_component(name "${library}" NAME)
  file(REAL_PATH "${library}" file)
  file(COPY_FILE "${file}" "${destination}/lib/lcr/${name}")
  get_filename_component(real_name "${file}" NAME)
  execute_process(COMMAND dpkg-query -S "*/${real_name}" OUTPUT_VARIABLE owner ERROR_QUIET)
  if(owner MATCHES "^([^:]+):")
    set(owner "${CMAKE_MATCH_1}")
    if(EXISTS "/usr/share/doc/${owner}/copyright")
      file(COPY_FILE "/usr/share/doc/${owner}/copyright" "${licences}/${owner}")
    endif()
  endif()
endforeach()

if(NOT LCR_FASHION_MNIST)
  message(FATAL_ERROR " package: Fashion-MNIST is not found (Debian: dataset-fashion-mnist)")
endif()
file(MAKE_DIRECTORY "${destination}/${LCR_SHARE_DIR}/data")
file(COPY "${LCR_FASHION_MNIST}/" DESTINATION "${destination}/${LCR_SHARE_DIR}/data/fashion-mnist")
if(EXISTS /usr/share/doc/dataset-fashion-mnist/copyright)
  file(COPY_FILE /usr/share/doc/dataset-fashion-mnist/copyright "${licences}/dataset-fashion-mnist")
endif()
