# cmake -DPROGRAM=… -DFILE=… -P compare_output.cmake: fails unless the program prints exactly that file.
execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE printed RESULT_VARIABLE code)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "${PROGRAM}: ${code}")
endif()
file(READ ${FILE} wanted)
if(NOT printed STREQUAL wanted)
  message(FATAL_ERROR "${FILE} is not what ${PROGRAM} prints: renew it")
endif()
