# Tests of the readers: archives, pickles, tensors, arrays, identification.
add_library(test_assemble STATIC assemble.c)
target_include_directories(test_assemble PUBLIC ${CMAKE_CURRENT_SOURCE_DIR} ${TV_LIBDEFLATE_INCLUDE})
target_link_libraries(test_assemble PUBLIC tv_core PRIVATE ${TV_LIBDEFLATE})
tv_target(test_assemble)

add_library(test_reading STATIC reading.c)
target_link_libraries(test_reading PUBLIC tv_converter test_assemble PRIVATE test_support)
tv_target(test_reading)
foreach(name tensors choices legacy)
  tv_test(test_${name} test_${name}.c LIBS test_reading)
endforeach()

foreach(name zip inflate pickle numpy identify memory)
  tv_test(test_${name} test_${name}.c LIBS tv_converter test_assemble)
endforeach()
target_link_options(test_inflate PRIVATE -Wl,--wrap=inflateInit2_)

find_package(Python3 REQUIRED COMPONENTS Interpreter)

# The benign corpus with the real command, which a sanitizer's runtime does not let run in its jail.
if(NOT TV_SANITIZE)
  add_test(NAME benign_tensors COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/test_benign.py)
  set_tests_properties(benign_tensors PROPERTIES ENVIRONMENT TV_COMMAND=$<TARGET_FILE:tensorvet>)
endif()

# The machine against CPython's pure-Python one, over generated pickles that hit every operation.
add_executable(pickle_dump pickle_dump.c)
target_link_libraries(pickle_dump PRIVATE tv_converter test_assemble)
set_target_properties(pickle_dump PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
tv_target(pickle_dump)
add_test(NAME pickle_oracle COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/pickle_oracle.py
                                    $<TARGET_FILE:pickle_dump> 10000)

# Its walk over the operations against pickletools, over seeds, generated and mutated pickles.
add_executable(pickle_walk pickle_walk.c)
target_link_libraries(pickle_walk PRIVATE tv_converter)
set_target_properties(pickle_walk PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
tv_target(pickle_walk)
add_test(NAME pickle_walk COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_SOURCE_DIR}/pickle_walk.py
                                  $<TARGET_FILE:pickle_walk> ${CMAKE_SOURCE_DIR}/fuzz/seeds/pickle)
