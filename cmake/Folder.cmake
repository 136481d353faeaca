# One static library per top-level folder. What a folder may include is what it links
# (docs/architecture.md, "Who may include whom").
#
#   streamsync_folder(streams USES base LIBRARIES RapidJSON)
function(streamsync_folder name)
  cmake_parse_arguments(FOLDER "" "" "USES;LIBRARIES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/cli/")
  add_library(streamsync_${name} STATIC ${sources})
  list(TRANSFORM FOLDER_USES PREPEND streamsync_)
  target_link_libraries(streamsync_${name}
    PUBLIC streamsync_compiler ${FOLDER_USES}
    PRIVATE ${FOLDER_LIBRARIES})
endfunction()
