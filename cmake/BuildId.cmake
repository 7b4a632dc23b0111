# Two digests, made at build time by tv_digest.cmake:
#   TV_BUILD_ID  of every source that goes into the command and its worker: the broker refuses a worker of another build
#   TV_RULESET   of the tables that decide (findings, globals, limits): a verdict can be cached by it
set(TV_GENERATED_DIR ${CMAKE_BINARY_DIR}/generated)
file(GLOB_RECURSE TV_ID_SOURCES CONFIGURE_DEPENDS
  ${CMAKE_SOURCE_DIR}/core/*.[ch] ${CMAKE_SOURCE_DIR}/core/*.def
  ${CMAKE_SOURCE_DIR}/sandbox/*.[ch] ${CMAKE_SOURCE_DIR}/sandbox/*.def
  ${CMAKE_SOURCE_DIR}/converter/*.[ch] ${CMAKE_SOURCE_DIR}/converter/*.def
  ${CMAKE_SOURCE_DIR}/worker/*.[ch] ${CMAKE_SOURCE_DIR}/gate/*.[ch] ${CMAKE_SOURCE_DIR}/cli/*.[ch])
set(TV_RULE_SOURCES ${TV_ID_SOURCES})
list(FILTER TV_RULE_SOURCES INCLUDE REGEX "\\.def$")
add_custom_command(
  OUTPUT ${TV_GENERATED_DIR}/build_id.h
  COMMAND ${CMAKE_COMMAND} "-DROOT=${CMAKE_SOURCE_DIR}" "-DSOURCES=${TV_ID_SOURCES}" "-DRULES=${TV_RULE_SOURCES}"
          "-DOUT=${TV_GENERATED_DIR}/build_id.h" -P ${CMAKE_SOURCE_DIR}/cmake/tv_digest.cmake
  DEPENDS ${TV_ID_SOURCES} ${CMAKE_SOURCE_DIR}/cmake/tv_digest.cmake
  COMMENT "Digesting the sources" VERBATIM)
add_custom_target(tv_build_id DEPENDS ${TV_GENERATED_DIR}/build_id.h)
