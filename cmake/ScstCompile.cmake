# SPDX-License-Identifier: Apache-2.0
# How everything is compiled, in one place: the language, the warnings, the sanitizers, and the helpers that make
# libraries, plugins and unit tests.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

set(SCST_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=: address,undefined or thread")
option(SCST_FUZZ "Build the libFuzzer targets (clang only)" OFF)

# One way to place code for everything, so that one precompiled header fits all (see scst_precompile_headers).
if(SCST_SANITIZE)
  add_compile_options(-fPIC)
else()
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -fno-strict-aliasing)
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor> $<$<COMPILE_LANGUAGE:CXX>:-Woverloaded-virtual>)
if(SCST_SANITIZE)
  add_compile_options(-fsanitize=${SCST_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${SCST_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-array-bounds -Wno-stringop-overflow) # false alarms of gcc 12 in instrumented code
  endif()
  if(SCST_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
  add_compile_definitions(SCST_SANITIZED=1)
endif()
if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug" AND NOT SCST_SANITIZE)
  add_link_options(-Wl,--as-needed -Wl,-z,relro,-z,now)
  add_compile_options(-fstack-protector-strong)
endif()

# scst_plugin(NAME SOURCES... [LIBRARIES libs...]): a plugin NAME.so that exports scst_plugin_entry and nothing else.
function(scst_plugin name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_library(${name} MODULE ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE scst_sdk ${ARG_LIBRARIES})
  target_link_options(${name} PRIVATE -Wl,--version-script=${PROJECT_SOURCE_DIR}/sdk/plugin.map)
  if(NOT SCST_SANITIZE)
    target_link_options(${name} PRIVATE -Wl,--no-undefined)
  endif()
  set_target_properties(${name} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${SCST_PLUGIN_OUTPUT_DIRECTORY}
                        LINK_DEPENDS ${PROJECT_SOURCE_DIR}/sdk/plugin.map)
  install(TARGETS ${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/scst COMPONENT daemon)
endfunction()

# scst_unit_test(NAME [THREADS] SOURCES... [LIBRARIES libs...]): a doctest program, run by ctest with label "unit". Under
# ThreadSanitizer only those with THREADS are built: the others have nothing that it could find.
function(scst_unit_test name)
  cmake_parse_arguments(ARG "THREADS" "" "SOURCES;LIBRARIES" ${ARGN})
  if(NOT BUILD_TESTING OR (SCST_SANITIZE STREQUAL "thread" AND NOT ARG_THREADS))
    return()
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE scst_test_main ${ARG_LIBRARIES})
  # Half the compile time of doctest's assertions.
  target_compile_definitions(${name} PRIVATE DOCTEST_CONFIG_SUPER_FAST_ASSERTS)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 300)
endfunction()

# scst_precompile_headers(): the standard headers that nearly every file includes, compiled once for all targets of the
# tree. Only for the sanitizers' builds, which CI makes from nothing; the others prove that each file includes what it uses.
function(scst_precompile_headers)
  add_library(scst_std_headers OBJECT ${PROJECT_SOURCE_DIR}/cmake/std_headers.cpp)
  target_precompile_headers(scst_std_headers PRIVATE
    <algorithm> <array> <atomic> <cerrno> <chrono> <condition_variable> <cstdint> <cstring> <deque> <functional> <list>
    <map> <memory> <mutex> <optional> <set> <span> <string> <string_view> <system_error> <thread> <unordered_map>
    <utility> <variant> <vector>)
  scst_precompile_headers_in(${PROJECT_SOURCE_DIR})
endfunction()

function(scst_precompile_headers_in folder)
  get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(type ${target} TYPE)
    get_target_property(files ${target} SOURCES)
    if(type MATCHES "EXECUTABLE|STATIC_LIBRARY|MODULE_LIBRARY|OBJECT_LIBRARY" AND NOT target STREQUAL scst_std_headers
       AND NOT files MATCHES "\\.c(;|$)")
      target_precompile_headers(${target} REUSE_FROM scst_std_headers)
    endif()
  endforeach()
  get_property(subfolders DIRECTORY ${folder} PROPERTY SUBDIRECTORIES)
  foreach(subfolder IN LISTS subfolders)
    scst_precompile_headers_in(${subfolder})
  endforeach()
endfunction()
