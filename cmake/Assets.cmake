# raksa_assets(TARGET): the page of web/, built by npm and embedded in the binary with .incbin (api/assets.h).
# Node is asked for only when web/package.json exists; tools/web does the building and writes build/web/assets.S.
function(raksa_assets target)
  set(out ${CMAKE_BINARY_DIR}/web)
  file(GLOB_RECURSE web_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/web/src/* ${PROJECT_SOURCE_DIR}/web/*.json
    ${PROJECT_SOURCE_DIR}/web/*.mjs)
  add_custom_command(OUTPUT ${out}/assets.S ${out}/assets_list.cc
    COMMAND ${PROJECT_SOURCE_DIR}/tools/web ${PROJECT_SOURCE_DIR}/web ${out}
    DEPENDS ${web_sources} ${PROJECT_SOURCE_DIR}/tools/web
    COMMENT "building the page" VERBATIM)
  target_sources(${target} PRIVATE ${out}/assets.S ${out}/assets_list.cc)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src)
endfunction()
