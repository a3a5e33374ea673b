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
