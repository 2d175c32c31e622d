# raksa_readmes(TARGET): embeds the README.md of every kind of probe, component, step and channel with .incbin
# (src/app/readmes.h). A kind is a folder that has one; nothing else is edited.
function(raksa_readmes target)
  set(asm "// The pages of the kinds. Generated from their folders.\n    .section .rodata\n")
  set(names "")
  set(rows "")
  set(pages "")
  set(n 0)
  foreach(pair probe=probe component=diagnosis step=recovery/step channel=notify)
    string(REPLACE "=" ";" pair ${pair})
    list(GET pair 0 room)
    list(GET pair 1 folder)
    file(GLOB found CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${folder}/*/README.md)
    foreach(page IN LISTS found)
      get_filename_component(kind ${page} DIRECTORY)
      get_filename_component(kind ${kind} NAME)
      string(REPLACE "_" "-" kind ${kind})
      string(APPEND asm "    .global raksa_readme_${n}\nraksa_readme_${n}:\n    .incbin \"${page}\"\n"
        "    .global raksa_readme_${n}_end\nraksa_readme_${n}_end:\n")
      string(APPEND names "extern \"C\" const char raksa_readme_${n}[], raksa_readme_${n}_end[];\n")
      string(APPEND rows "      {\"${room}\", \"${kind}\", {raksa_readme_${n}, raksa_readme_${n}_end}},\n")
      list(APPEND pages ${page})
      math(EXPR n "${n} + 1")
    endforeach()
  endforeach()
  string(APPEND asm "    .section .note.GNU-stack,\"\",@progbits\n")
  set(out ${CMAKE_BINARY_DIR}/generated/readmes)
  file(CONFIGURE OUTPUT ${out}.S @ONLY CONTENT "${asm}")
  file(CONFIGURE OUTPUT ${out}.cc @ONLY CONTENT
"// The pages of the kinds. Generated from their folders.
#include \"app/readmes.h\"

${names}
namespace app {
std::vector<api::ReadmeView> Readmes() {
  return {
${rows}  };
}
}  // namespace app
")
  set_source_files_properties(${out}.S PROPERTIES OBJECT_DEPENDS "${pages}")
  target_sources(${target} PRIVATE ${out}.S ${out}.cc)
endfunction()
