# Plan, write, gather and compare, over tensor tables made in memory.
add_library(table_support STATIC table_support.c)
target_include_directories(table_support PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(table_support PUBLIC tv_converter test_support)
tv_target(table_support)

foreach(name sort gather plan compare glob select shard_index)
  tv_test(test_${name} test_${name}.c LIBS table_support)
endforeach()
tv_test(test_write test_write.c LIBS table_support)
target_link_options(test_write PRIVATE -Wl,--wrap=libdeflate_crc32)

# Three bad writers, linked into a test each, and into a worker each that runs in the real jail.
foreach(bad swap transpose drop)
  tv_test(test_bad_writer_${bad} test_bad_writer.c bad_writers/${bad}.c LIBS table_support)
  target_link_options(test_bad_writer_${bad} PRIVATE -Wl,--wrap=plan_make)
endforeach()

if(NOT TARGET tensorvet-worker OR NOT TARGET tv_gate) # a sanitizer build has no worker
  return()
endif()
foreach(bad swap transpose drop)
  add_executable(bad_worker_${bad} ${CMAKE_SOURCE_DIR}/worker/main.c bad_writers/${bad}.c)
  add_dependencies(bad_worker_${bad} tv_build_id)
  target_include_directories(bad_worker_${bad} PRIVATE ${TV_GENERATED_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/bad_writers)
  target_compile_definitions(bad_worker_${bad} PRIVATE _GNU_SOURCE)
  target_link_libraries(bad_worker_${bad} PRIVATE tv_worker_jobs tv_inmate)
  target_link_options(bad_worker_${bad} PRIVATE -static-pie -Wl,--wrap=plan_make)
  set_target_properties(bad_worker_${bad} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  tv_target(bad_worker_${bad})
endforeach()
tv_test(test_jailed_convert test_jailed_convert.c LIBS tv_gate)
add_dependencies(test_jailed_convert tensorvet-worker bad_worker_swap bad_worker_transpose bad_worker_drop)
target_compile_definitions(test_jailed_convert PRIVATE WORKER="$<TARGET_FILE:tensorvet-worker>"
  BAD_WORKERS="${CMAKE_BINARY_DIR}/tests/bad_worker_"
  CHECKPOINT="${CMAKE_SOURCE_DIR}/corpus/checkpoints/real/torch-2.13/module-transformer.pt")
