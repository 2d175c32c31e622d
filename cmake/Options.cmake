# Warnings, sanitizers, linker and compiler cache: what every target of ours is built with.
add_library(raksa_options INTERFACE)
target_compile_options(raksa_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
  -Woverloaded-virtual -Wimplicit-fallthrough -Wno-missing-field-initializers -Werror
  # std::stable_sort of libstdc++ 12 uses a buffer function that the same library marks deprecated.
  -Wno-deprecated-declarations
  -Xclang -fno-pch-timestamp -fPIE -pthread)
target_link_options(raksa_options INTERFACE -fuse-ld=lld-19 -pie -pthread -Wl,--gc-sections -Wl,-z,noexecstack)
target_compile_options(raksa_options INTERFACE -ffunction-sections -fdata-sections)
if(RAKSA_SANITIZE)
  target_compile_options(raksa_options INTERFACE -fsanitize=${RAKSA_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(raksa_options INTERFACE -fsanitize=${RAKSA_SANITIZE})
  if(CMAKE_BUILD_TYPE STREQUAL "Debug")
    target_compile_options(raksa_options INTERFACE -O1 -g1)
  endif()
endif()
if(RAKSA_FUZZ)
  target_compile_options(raksa_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  # Precompiled headers and ccache agree only with these two allowances.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()
