# raksa_catalogue(OUT DIR): writes a C++ file with the catalogue of the kinds below src/DIR. A folder that holds
# NAME/NAME.h is a kind; it declares `extern const Kind kKind;` in namespace DIR::NAME (slashes become ::).
# A new kind is a new folder; nothing else is edited.
function(raksa_catalogue out dir)
  set(root ${PROJECT_SOURCE_DIR}/src/${dir})
  file(GLOB headers RELATIVE ${root} CONFIGURE_DEPENDS ${root}/*/*.h)
  string(REPLACE "/" "::" space ${dir})
  set(includes "")
  set(entries "")
  foreach(header IN LISTS headers)
    get_filename_component(kind ${header} NAME_WE)
    get_filename_component(folder ${header} DIRECTORY)
    if(NOT kind STREQUAL folder)
      continue()
    endif()
    string(APPEND includes "#include \"${dir}/${header}\"\n")
    string(APPEND entries "    &${kind}::kKind,\n")
  endforeach()
  file(CONFIGURE OUTPUT ${out} @ONLY CONTENT
"// Generated from the folders of src/${dir}: the catalogue of its kinds.
#include \"${dir}/kind.h\"
${includes}
namespace ${space} {
std::span<const Kind* const> Catalogue() {
  static const Kind* const kinds[] = {
${entries}    nullptr};
  return std::span<const Kind* const>(kinds, std::size(kinds) - 1);
}
}  // namespace ${space}
")
endfunction()
