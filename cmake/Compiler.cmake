# The one place where compiler flags are chosen. Each flag is probed, because gcc 12 and clang 14 differ;
# the sets come from the OpenSSF hardening guide and were checked on both compilers.
include(CheckCCompilerFlag)
include(CheckLinkerFlag)

function(tv_try_flags out)
  set(found)
  foreach(flag IN LISTS ARGN)
    string(MAKE_C_IDENTIFIER "TV_HAS${flag}" var)
    check_c_compiler_flag("${flag}" ${var})
    if(${var})
      list(APPEND found "${flag}")
    endif()
  endforeach()
  set(${out} ${found} PARENT_SCOPE)
endfunction()

tv_try_flags(TV_WARNINGS
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wformat=2 -Wstrict-prototypes
  -Wmissing-prototypes -Wold-style-definition -Wcast-qual -Wcast-align -Wundef -Wvla -Walloca -Wnull-dereference
  -Wdouble-promotion -Wimplicit-fallthrough -Wswitch-enum -Wwrite-strings -Wredundant-decls
  -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Warith-conversion -Wtrampolines -Wbidi-chars=any
  -Wcomma -Wshorten-64-to-32 -Wassign-enum)
if(NOT TV_SANITIZE) # sanitizers widen frames
  tv_try_flags(frame -Wframe-larger-than=65536)
  list(APPEND TV_WARNINGS ${frame})
endif()
if(TV_WERROR)
  list(APPEND TV_WARNINGS -Werror)
endif()

tv_try_flags(TV_HARDENING
  -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -fno-delete-null-pointer-checks
  -fno-strict-overflow -fno-strict-aliasing -ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr
  -fstrict-flex-arrays=3 -fno-plt)

# Paths of the building machine must not reach the binaries: builds are reproducible.
add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}=. -ffile-prefix-map=${CMAKE_BINARY_DIR}=build)
add_compile_options(-fvisibility=hidden -fno-omit-frame-pointer)

if(TV_SANITIZE)
  add_compile_options(-fsanitize=${TV_SANITIZE} -fno-sanitize-recover=all -g)
  add_link_options(-fsanitize=${TV_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  if(WIN32) # both need a library of mingw-w64's beside the program
    list(REMOVE_ITEM TV_HARDENING -fstack-protector-strong)
  else()
    list(APPEND TV_HARDENING -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
  endif()
  add_compile_options(${TV_HARDENING})
endif()
if(UNIX AND NOT APPLE) # ELF
  add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,separate-code -Wl,--as-needed)
endif()
if(TV_COVERAGE)
  add_compile_options(--coverage -O0 -g)
  add_link_options(--coverage)
endif()
if(TV_FUZZ_ENGINE STREQUAL "libfuzzer")
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# tv_target(NAME): every target of ours calls this once.
function(tv_target name)
  target_compile_options(${name} PRIVATE ${TV_WARNINGS})
endfunction()
