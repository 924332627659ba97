# Compiler and linker flags of every target, through one interface library.
include(CheckCCompilerFlag)

add_library(hearth_flags INTERFACE)
target_include_directories(hearth_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(hearth_flags INTERFACE
  _GNU_SOURCE HEARTH_VERSION="${PROJECT_VERSION}")
target_compile_options(hearth_flags INTERFACE
  -Wall -Wextra -Wshadow -Wvla -Wundef -Wpointer-arith -Wstrict-prototypes
  -Wmissing-prototypes -Wimplicit-fallthrough -Wwrite-strings -Wformat=2
  -Werror=implicit-function-declaration -Werror=incompatible-pointer-types
  -Werror=int-conversion -Werror=return-type
  # texts for people are cut by snprintf on purpose; where a cut matters the code looks at its result
  $<$<C_COMPILER_ID:GNU>:-Wno-format-truncation>
  -fno-common -fvisibility=hidden
  # __FILE__ in log records is relative to the project, and builds are reproducible
  -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)
target_link_options(hearth_flags INTERFACE -Wl,--as-needed)

if(HEARTH_WERROR)
  target_compile_options(hearth_flags INTERFACE -Werror)
endif()

if(HEARTH_SANITIZE)
  target_compile_options(hearth_flags INTERFACE
    -fsanitize=${HEARTH_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(hearth_flags INTERFACE -fsanitize=${HEARTH_SANITIZE})
elseif(HEARTH_HARDEN)
  target_compile_options(hearth_flags INTERFACE
    -fstack-protector-strong -fstack-clash-protection -fcf-protection
    $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE>
    $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=$<IF:$<C_COMPILER_ID:GNU>,3,2>>)
  check_c_compiler_flag(-ftrivial-auto-var-init=zero HEARTH_HAVE_AUTO_VAR_INIT)
  if(HEARTH_HAVE_AUTO_VAR_INIT)
    target_compile_options(hearth_flags INTERFACE -ftrivial-auto-var-init=zero)
  endif()
  target_link_options(hearth_flags INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()

if(HEARTH_COVERAGE)
  target_compile_options(hearth_flags INTERFACE --coverage)
  target_link_options(hearth_flags INTERFACE --coverage)
endif()
