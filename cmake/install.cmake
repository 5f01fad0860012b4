# `cmake --install`: programs, data files, headers, docs and the package for find_package(lcr).
include(CMakePackageConfigHelpers)
set(LCR_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/lcr)
set(LCR_SHARE_DIR ${CMAKE_INSTALL_DATADIR}/lcr)  # lib/lcr/base/suite_home.h looks for share/lcr
# The package holds `programs` and `bundled` (package.cmake); `make install` installs `programs` and `development`.
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME programs)

install(TARGETS ${LCR_PROGRAMS} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY presets datasets DESTINATION ${LCR_SHARE_DIR}
  FILES_MATCHING PATTERN "*.ini" PATTERN "*.json")
install(DIRECTORY plots/specs DESTINATION ${LCR_SHARE_DIR}/plots)
install(DIRECTORY results/paper DESTINATION ${LCR_SHARE_DIR}/results)
install(FILES README.md LICENSE CHANGELOG.md CITATION.cff CONTRIBUTING.md SECURITY.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs)

# Manual pages and completion, which the programs write themselves. Installations from one build take
# turns, because they share that folder.
set(LCR_WRITTEN ${CMAKE_BINARY_DIR}/generated/share)
install(CODE "
  file(LOCK \"${LCR_WRITTEN}.lock\" GUARD PROCESS TIMEOUT 900)
  file(REMOVE_RECURSE \"${LCR_WRITTEN}\")
  file(MAKE_DIRECTORY \"${LCR_WRITTEN}/bash\" \"${LCR_WRITTEN}/zsh\")
  set(lcr \"$<TARGET_FILE:lcr-front>\")
  execute_process(COMMAND \${lcr} man \"${LCR_WRITTEN}/man1\" COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND \${lcr} completion bash OUTPUT_FILE \"${LCR_WRITTEN}/bash/lcr\" COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND \${lcr} completion zsh OUTPUT_FILE \"${LCR_WRITTEN}/zsh/_lcr\" COMMAND_ERROR_IS_FATAL ANY)")
install(DIRECTORY ${LCR_WRITTEN}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR})
install(DIRECTORY ${LCR_WRITTEN}/bash/ DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(DIRECTORY ${LCR_WRITTEN}/zsh/ DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)

set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME development)
foreach(library ${LCR_LIBRARIES})
  string(REGEX REPLACE "^lcr_(base|experiment_main|kernels)$" "\\1" exported ${library})
  set_target_properties(${library} PROPERTIES EXPORT_NAME ${exported})
endforeach()
install(TARGETS ${LCR_LIBRARIES} EXPORT lcr ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY lib/lcr DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(EXPORT lcr NAMESPACE lcr:: FILE lcr-targets.cmake DESTINATION ${LCR_PACKAGE_DIR})
configure_package_config_file(
  cmake/lcr-config.cmake.in ${CMAKE_BINARY_DIR}/generated/lcr-config.cmake
  INSTALL_DESTINATION ${LCR_PACKAGE_DIR} PATH_VARS LCR_SHARE_DIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/generated/lcr-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/generated/lcr-config.cmake
              ${CMAKE_BINARY_DIR}/generated/lcr-config-version.cmake cmake/dependencies.cmake cmake/refuse.cmake
  DESTINATION ${LCR_PACKAGE_DIR})
