# SPDX-License-Identifier: Apache-2.0
# Component "sdk": what a stranger needs to build a plugin without this tree. Included by sdk/CMakeLists.txt after the
# libraries exist.
include(CMakePackageConfigHelpers)

set(SCST_MAP_DIR ${CMAKE_INSTALL_DATADIR}/scst)
set(SCST_PLUGIN_INSTALL_DIR ${CMAKE_INSTALL_LIBDIR}/scst)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/scst-sdk)
set(doc_dir ${CMAKE_INSTALL_DATADIR}/doc/scst-sdk)

install(DIRECTORY include/scst cxx/scst DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT sdk
        FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
install(FILES plugin.map DESTINATION ${SCST_MAP_DIR} COMPONENT sdk)

# pkg-config finds the rest from where its file lies, so that the installed tree can be moved.
file(RELATIVE_PATH SCST_PREFIX_FROM_PC /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
set(pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
configure_file(cmake/scst-sdk.pc.in ${CMAKE_CURRENT_BINARY_DIR}/scst-sdk.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/scst-sdk.pc DESTINATION ${pc_dir} COMPONENT sdk)

configure_file(cmake/scst-vdisk.pc.in ${CMAKE_CURRENT_BINARY_DIR}/scst-vdisk.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/scst-vdisk.pc DESTINATION ${pc_dir} COMPONENT sdk)

set(exported scst_sdk scst_vdisk)
if(TARGET scst_fake_core)
  list(APPEND exported scst_fake_core)
  install(FILES testing/fake_core.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/scst-testing/testing COMPONENT sdk)
endif()
install(TARGETS ${exported} EXPORT scst-sdk ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT sdk)
install(EXPORT scst-sdk NAMESPACE scst:: FILE scst-sdk-targets.cmake DESTINATION ${package_dir} COMPONENT sdk)

configure_package_config_file(cmake/scst-sdk-config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/scst-sdk-config.cmake
  INSTALL_DESTINATION ${package_dir} PATH_VARS SCST_MAP_DIR SCST_PLUGIN_INSTALL_DIR)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/scst-sdk-config-version.cmake
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMajorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/scst-sdk-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/scst-sdk-config-version.cmake cmake/ScstAddPlugin.cmake
        DESTINATION ${package_dir} COMPONENT sdk)

# As they lie in the tree, so that the pages' links lead to the examples.
install(DIRECTORY example DESTINATION ${doc_dir}/sdk COMPONENT sdk)
install(FILES ${PROJECT_SOURCE_DIR}/docs/sdk.md ${PROJECT_SOURCE_DIR}/docs/traps.md DESTINATION ${doc_dir}/docs
        COMPONENT sdk)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/sdk DESTINATION ${doc_dir}/docs COMPONENT sdk)
