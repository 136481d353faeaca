option(STREAMSYNC_WERROR "Treat warnings as errors (on in our presets, off for packagers)" OFF)
option(STREAMSYNC_TESTS "Build the tests" ON)
set(STREAMSYNC_SANITIZE "" CACHE STRING "Value for -fsanitize=, for example address,undefined")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(streamsync_compiler INTERFACE)
target_include_directories(streamsync_compiler INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(streamsync_compiler INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Wswitch-enum -Wundef -Wunused-result -Wformat=2
  -Wimplicit-fallthrough
  # GCC 12 sees overflows inside its own std::string when it optimises (GCC bug 105651 and others).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  $<$<BOOL:${STREAMSYNC_WERROR}>:-Werror>
  $<$<CONFIG:Release,RelWithDebInfo>:-D_FORTIFY_SOURCE=2 -fstack-protector-strong>)
target_link_options(streamsync_compiler INTERFACE -Wl,-z,relro,-z,now)

if(STREAMSYNC_SANITIZE)
  target_compile_options(streamsync_compiler INTERFACE
    -fsanitize=${STREAMSYNC_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all
    $<$<CXX_COMPILER_ID:Clang>:-fsanitize-ignorelist=${PROJECT_SOURCE_DIR}/cmake/sanitizer-ignore.txt>)
  target_link_options(streamsync_compiler INTERFACE -fsanitize=${STREAMSYNC_SANITIZE})
endif()
