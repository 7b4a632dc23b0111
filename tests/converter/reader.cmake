# Tests of the readers: archives, pickles, tensors, identification.
add_library(test_assemble STATIC assemble.c)
target_include_directories(test_assemble PUBLIC ${CMAKE_CURRENT_SOURCE_DIR} ${TV_LIBDEFLATE_INCLUDE})
target_link_libraries(test_assemble PUBLIC tv_core PRIVATE ${TV_LIBDEFLATE})
tv_target(test_assemble)

foreach(name zip pickle tensors identify memory)
  tv_test(test_${name} test_${name}.c LIBS tv_converter test_assemble)
endforeach()
