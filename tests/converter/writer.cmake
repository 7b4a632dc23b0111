# Plan, write, gather and compare, over tensor tables made in memory.
add_library(table_support STATIC table_support.c)
target_include_directories(table_support PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(table_support PUBLIC tv_converter test_support)
tv_target(table_support)

foreach(name gather plan compare)
  tv_test(test_${name} test_${name}.c LIBS table_support)
endforeach()
tv_test(test_write test_write.c LIBS table_support)
target_link_options(test_write PRIVATE -Wl,--wrap=libdeflate_crc32)
