# SPDX-License-Identifier: Apache-2.0
# scst_add_plugin(NAME SOURCES... [VDISK] [LIBRARIES libs...]): a plugin NAME.so for scstd.
#
# The object exports scst_plugin_entry and nothing else, and refuses to link when it needs a symbol that none of its
# libraries has: a plugin resolves nothing against the daemon. VDISK links the vdisk library, for block backends.
# SCST_PLUGIN_MAP is the linker's version script; the package config sets it.
function(scst_add_plugin name)
  cmake_parse_arguments(ARG "VDISK" "" "LIBRARIES" ${ARGN})
  if(NOT ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "scst_add_plugin(${name}): no sources")
  endif()
  add_library(${name} MODULE ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE scst::sdk ${ARG_LIBRARIES})
  if(ARG_VDISK)
    if(NOT TARGET scst::vdisk)
      message(FATAL_ERROR "scst_add_plugin(${name}): this SDK was installed without the vdisk library")
    endif()
    target_link_libraries(${name} PRIVATE scst::vdisk)
  endif()
  target_link_options(${name} PRIVATE "LINKER:--version-script=${SCST_PLUGIN_MAP}")
  if(NOT SCST_SANITIZE AND NOT "${CMAKE_C_FLAGS} ${CMAKE_CXX_FLAGS}" MATCHES "-fsanitize=")
    target_link_options(${name} PRIVATE LINKER:--no-undefined)
  endif()
  set_target_properties(${name} PROPERTIES
    PREFIX "" SUFFIX .so LINK_DEPENDS "${SCST_PLUGIN_MAP}"
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
endfunction()
