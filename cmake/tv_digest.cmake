# cmake -DROOT=… -DSOURCES=… -DRULES=… -DOUT=… -P tv_digest.cmake: writes build_id.h. Same sources, same bytes.
function(digest files result)
  set(all "")
  list(SORT files)
  foreach(file IN LISTS files)
    file(SHA256 ${file} sum)
    file(RELATIVE_PATH name ${ROOT} ${file})
    string(APPEND all "${sum} ${name}\n")
  endforeach()
  string(SHA256 sum "${all}")
  set(${result} ${sum} PARENT_SCOPE)
endfunction()
digest("${SOURCES}" build)
digest("${RULES}" rules)
find_program(GIT git)
set(commit "unknown")
if(GIT AND EXISTS ${ROOT}/.git)
  execute_process(COMMAND ${GIT} -C ${ROOT} rev-parse --short=12 HEAD OUTPUT_VARIABLE commit
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(failed)
    set(commit "unknown")
  endif()
endif()
file(WRITE ${OUT} "/* Made by cmake/tv_digest.cmake; do not edit. */
#define TV_BUILD_ID \"${build}\"
#define TV_RULESET \"${rules}\"
#define TV_COMMIT \"${commit}\"
")
