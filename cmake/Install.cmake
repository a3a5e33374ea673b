# `cmake --install`: the program, the rooms as libraries with find_package(AnimationStudio),
# configs, schemas, man page, completion, licence.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(STUDIO_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/AnimationStudio)

install(TARGETS studio RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/src/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/animation-studio
  FILES_MATCHING PATTERN "*.h" PATTERN backends EXCLUDE)
# The catalog's `lock:` sources are read from beside it.
install(FILES ${PROJECT_SOURCE_DIR}/setup/lock.json DESTINATION ${CMAKE_INSTALL_DATADIR}/animation-studio/configs)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/configs ${PROJECT_SOURCE_DIR}/schemas
  DESTINATION ${CMAKE_INSTALL_DATADIR}/animation-studio)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# Man page and completion, written by the program itself so that they are true.
set(descriptions "")
foreach(entry "man:studio.1:man/man1" "bash:studio:bash-completion/completions" "zsh:_studio:zsh/site-functions"
        "fish:studio.fish:fish/vendor_completions.d")
  string(REPLACE ":" ";" entry ${entry})
  list(GET entry 0 form)
  list(GET entry 1 file)
  list(GET entry 2 folder)
  set(written ${PROJECT_BINARY_DIR}/descriptions/${form}/${file})
  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/descriptions/${form})
  add_custom_command(OUTPUT ${written} COMMAND studio describe ${form} > ${written} DEPENDS studio VERBATIM)
  list(APPEND descriptions ${written})
  install(FILES ${written} DESTINATION ${CMAKE_INSTALL_DATADIR}/${folder})
endforeach()
add_custom_target(descriptions ALL DEPENDS ${descriptions})

# What a program that links the rooms must find itself is in the same file we use.
install(EXPORT AnimationStudio NAMESPACE AnimationStudio:: DESTINATION ${STUDIO_CMAKE_DIR}
  FILE AnimationStudioTargets.cmake)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/AnimationStudioConfig.cmake.in
  ${PROJECT_BINARY_DIR}/AnimationStudioConfig.cmake INSTALL_DESTINATION ${STUDIO_CMAKE_DIR})
# Before 1.0 each minor version may change the headers.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/AnimationStudioConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/AnimationStudioConfig.cmake
  ${PROJECT_BINARY_DIR}/AnimationStudioConfigVersion.cmake ${CMAKE_CURRENT_LIST_DIR}/Dependencies.cmake
  DESTINATION ${STUDIO_CMAKE_DIR})
