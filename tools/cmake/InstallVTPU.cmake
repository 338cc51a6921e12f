# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Headers and the CMake package; libraries and tools install themselves where they are declared. The compiler is a component of its own, because
# it needs MLIR.
include(CMakePackageConfigHelpers)
set(package "${CMAKE_INSTALL_LIBDIR}/cmake/VTPU")
foreach(area Host ISA Memory Object Assembly Runtime Scheduling Support)
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/vtpu/${area}" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/vtpu" COMPONENT Runtime
    FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp" PATTERN "*.td")
endforeach()
install(DIRECTORY "${PROJECT_BINARY_DIR}/include/vtpu/ISA" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/vtpu" COMPONENT Runtime
  FILES_MATCHING PATTERN "SIWOpcodes.inc" PATTERN "CMakeFiles" EXCLUDE)
if(VTPU_BUILD_COMPILER)
  foreach(tree "${PROJECT_SOURCE_DIR}" "${PROJECT_BINARY_DIR}")
    install(DIRECTORY "${tree}/include/vtpu" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT Compiler
      FILES_MATCHING REGEX "/(Conversion|Dialect|Pipelines|Target)/.*\\.(h|inc|td)$" PATTERN "InitAll*.h" PATTERN "CMakeFiles" EXCLUDE)
  endforeach()
  install(EXPORT VTPUCompilerTargets NAMESPACE VTPU:: DESTINATION "${package}" COMPONENT Compiler)
endif()
install(EXPORT VTPUTargets NAMESPACE VTPU:: DESTINATION "${package}" COMPONENT Runtime)
configure_package_config_file("${PROJECT_SOURCE_DIR}/tools/cmake/VTPUConfig.cmake.in" "${PROJECT_BINARY_DIR}/cmake/VTPUConfig.cmake"
  INSTALL_DESTINATION "${package}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/cmake/VTPUConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/cmake/VTPUConfig.cmake" "${PROJECT_BINARY_DIR}/cmake/VTPUConfigVersion.cmake" DESTINATION "${package}"
  COMPONENT Runtime)
