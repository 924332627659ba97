# A folder is a layer is a static library. DEPS is the whole truth about which other
# folders it may use; the lint test `layering` compares it with the includes.
function(hearth_library name)
  cmake_parse_arguments(A "" "" "DEPS;EXTERNAL" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC hearth_flags ${A_DEPS} ${A_EXTERNAL})
  string(REPLACE ";" "+" deps "${A_DEPS}")
  set_property(GLOBAL APPEND PROPERTY HEARTH_LAYERS "${name}=${deps}")
endfunction()

# One main per program: cmd/<name>.c, linked with the layers it wires together.
function(hearth_program name)
  cmake_parse_arguments(A "" "DESTINATION" "DEPS" ${ARGN})
  if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${name}.c)
    return()
  endif()
  set(target ${name}-program)   # the layers have taken the short names
  add_executable(${target} ${CMAKE_CURRENT_SOURCE_DIR}/${name}.c)
  target_link_libraries(${target} PRIVATE hearth_flags ${A_DEPS})
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${HEARTH_BIN_DIR})
  if(NOT A_DESTINATION)
    set(A_DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
  install(TARGETS ${target} RUNTIME DESTINATION ${A_DESTINATION})
endfunction()

set(HEARTH_BIN_DIR ${PROJECT_BINARY_DIR}/bin CACHE PATH "Where the programs are put")
