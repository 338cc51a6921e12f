# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Wrappers that keep each folder's CMakeLists to a list of sources and a list of dependencies.

# vtpu_add_runtime_library(name SOURCES... LINK libs...): a library of the side that links neither LLVM nor MLIR.
function(vtpu_add_runtime_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
    $<INSTALL_INTERFACE:include>)
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  install(TARGETS ${name} EXPORT VTPUTargets COMPONENT Runtime ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endfunction()

# vtpu_add_compiler_library(name SOURCES... LINK vtpu libs... MLIR mlir libs... DEPENDS tablegen targets...)
function(vtpu_add_compiler_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;MLIR;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
  mlir_target_link_libraries(${name} PUBLIC MLIRIR)
  target_link_libraries(${name} PUBLIC LLVM) # the shared library that libMLIR itself uses
  target_include_directories(${name} PUBLIC $<INSTALL_INTERFACE:include>)
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  install(TARGETS ${name} EXPORT VTPUCompilerTargets COMPONENT Compiler ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endfunction()

# vtpu_add_tool(name SOURCES... LINK libs...): an installed executable in build/bin.
function(vtpu_add_tool name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/tools/common")
  target_compile_definitions(${name} PRIVATE VTPU_VERSION="${PROJECT_VERSION}")
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# vtpu_add_unittest(name SOURCES... LINK libs...): a GoogleTest program; collected by check-vtpu and run through lit.
function(vtpu_add_unittest name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  find_package(GTest REQUIRED)
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/test/Unit")
  set_property(GLOBAL APPEND PROPERTY VTPU_UNITTESTS ${name})
endfunction()
