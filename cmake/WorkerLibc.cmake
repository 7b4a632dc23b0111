# The worker's libc: musl where it is installed. Before main, glibc asks the processor what it can do in some sixty CPUID
# instructions, and each leaves a virtual machine: more than half of what starting a static program takes there
# (bench/RESULTS.md). musl asks nothing, and its malloc keeps what it knows of blocks away from them.
#   tv_worker_program(NAME PART...)  makes NAME, an executable of the sources it has, one static program with all that
#                                    the PARTs, libraries of ours, have; for musl they are compiled anew, so that every
#                                    library of ours is to be named, and the others come along
set(TV_WORKER_LIBC auto CACHE STRING "libc of the worker: musl, system, or auto: musl where it is found")
set_property(CACHE TV_WORKER_LIBC PROPERTY STRINGS auto musl system)
set(musl_libraries /usr/lib/musl/lib)
set(musl_includes /usr/lib/musl/include)
if(CMAKE_LIBRARY_ARCHITECTURE MATCHES "-gnu$") # Debian's way
  string(REGEX REPLACE "-gnu$" "-musl" musl_triplet ${CMAKE_LIBRARY_ARCHITECTURE})
  list(PREPEND musl_libraries /usr/lib/${musl_triplet})
  list(PREPEND musl_includes /usr/include/${musl_triplet})
endif()
find_file(TV_MUSL_LIBRARY libc.a PATHS ${musl_libraries} NO_DEFAULT_PATH)
find_path(TV_MUSL_INCLUDE stdlib.h PATHS ${musl_includes} NO_DEFAULT_PATH)

# What instruments a build brings a runtime of its own, which was made for the system's libc.
set(worker_libc ${TV_WORKER_LIBC})
if(worker_libc STREQUAL "auto")
  set(worker_libc system)
  if(TV_MUSL_LIBRARY AND TV_MUSL_INCLUDE AND NOT TV_SANITIZE AND NOT TV_COVERAGE AND NOT TV_FUZZ_ENGINE)
    set(worker_libc musl)
  endif()
endif()
message(STATUS "The worker's libc: ${worker_libc} (TV_WORKER_LIBC)")

function(tv_worker_program name)
  target_compile_definitions(${name} PRIVATE _GNU_SOURCE)
  target_link_options(${name} PRIVATE -static-pie)
  tv_target(${name})
  if(NOT TARGET tv_worker_libc)
    target_link_libraries(${name} PRIVATE ${ARGN})
    return()
  endif()
  foreach(part IN LISTS ARGN)
    get_target_property(sources ${part} SOURCES)
    get_target_property(folder ${part} SOURCE_DIR)
    foreach(source IN LISTS sources)
      cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${folder})
      target_sources(${name} PRIVATE ${source})
    endforeach()
    add_dependencies(${name} ${part}) # for what the build makes of it
    target_include_directories(${name} PRIVATE $<TARGET_PROPERTY:${part},INCLUDE_DIRECTORIES>)
    target_compile_definitions(${name} PRIVATE $<TARGET_PROPERTY:${part},COMPILE_DEFINITIONS>)
    target_link_options(${name} PRIVATE $<TARGET_PROPERTY:${part},INTERFACE_LINK_OPTIONS>)
    get_target_property(libraries ${part} LINK_LIBRARIES)
    foreach(library IN LISTS libraries)
      if(IS_ABSOLUTE "${library}") # no part, nor what CMake says where there is none
        target_link_libraries(${name} PRIVATE ${library})
      endif()
    endforeach()
  endforeach()
  target_link_libraries(${name} PRIVATE tv_worker_libc)
endfunction()

if(worker_libc STREQUAL "system")
  return()
endif()
if(NOT TV_MUSL_LIBRARY OR NOT TV_MUSL_INCLUDE)
  message(FATAL_ERROR "TV_WORKER_LIBC is musl, and no musl is found: set TV_MUSL_LIBRARY and TV_MUSL_INCLUDE")
endif()

# Beside musl's own headers: the kernel's and those of the libraries, by name, and nothing else of the system's, whose
# libc is another.
set(farm ${CMAKE_BINARY_DIR}/generated/worker-headers)
set(folders)
foreach(folder IN LISTS CMAKE_C_IMPLICIT_INCLUDE_DIRECTORIES)
  string(MAKE_C_IDENTIFIER "${folder}" link)
  foreach(header linux asm asm-generic openssl zlib.h zconf.h libdeflate.h)
    if(EXISTS ${folder}/${header})
      file(MAKE_DIRECTORY ${farm}/${link})
      file(CREATE_LINK ${folder}/${header} ${farm}/${link}/${header} SYMBOLIC)
    endif()
  endforeach()
  if(EXISTS ${farm}/${link})
    list(APPEND folders "SHELL:-isystem ${farm}/${link}")
  endif()
endforeach()

function(tv_ask_compiler question answer)
  execute_process(COMMAND ${CMAKE_C_COMPILER} ${question} OUTPUT_VARIABLE said OUTPUT_STRIP_TRAILING_WHITESPACE
                  COMMAND_ERROR_IS_FATAL ANY)
  set(${answer} ${said} PARENT_SCOPE)
endfunction()
tv_ask_compiler(-print-file-name=include own_headers)
tv_ask_compiler(-print-libgcc-file-name own_library)
get_filename_component(musl_folder ${TV_MUSL_LIBRARY} DIRECTORY)

# fortify.c is what fortify.h sends the others to, and compiled without it.
add_library(tv_worker_headers INTERFACE)
target_compile_options(tv_worker_headers INTERFACE
  -nostdinc "SHELL:-isystem ${TV_MUSL_INCLUDE}" "SHELL:-isystem ${own_headers}" ${folders}
  "SHELL:-include ${CMAKE_SOURCE_DIR}/worker/fortify.h")
add_library(tv_fortify OBJECT worker/fortify.c)
target_compile_definitions(tv_fortify PRIVATE WORKER_FORTIFY_H)
target_link_libraries(tv_fortify PRIVATE tv_worker_headers)
tv_target(tv_fortify)

add_library(tv_worker_libc INTERFACE)
target_link_options(tv_worker_libc INTERFACE
  -nostartfiles -nodefaultlibs ${musl_folder}/rcrt1.o ${musl_folder}/crti.o)
target_link_libraries(tv_worker_libc INTERFACE
  tv_worker_headers $<TARGET_OBJECTS:tv_fortify> ${TV_MUSL_LIBRARY} ${own_library} ${musl_folder}/crtn.o)
