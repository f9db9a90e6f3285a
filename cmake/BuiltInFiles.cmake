# cmake -DOUT=FILE -DFILES="a;b" -P BuiltInFiles.cmake: files as a C++ source that serve/files.h reads.
set(arrays "")
set(rows "")
set(number 0)
foreach(file ${FILES})
  get_filename_component(name "${file}" NAME)
  file(READ "${file}" hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND arrays "constexpr unsigned char kFile${number}[] = {${bytes}0};\n")
  string(APPEND rows "    {\"${name}\", {reinterpret_cast<const char*>(kFile${number}), sizeof(kFile${number}) - 1}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE "${OUT}.new" "// Made at build time from ui/ and api/.
#include \"serve/files.h\"

namespace pictor {
namespace {

${arrays}
const BuiltInFile kFiles[] = {
${rows}};

}  // namespace

const BuiltInFile* built_in_file(std::string_view name) {
  for (const BuiltInFile& file : kFiles) {
    if (file.name == name) return &file;
  }
  return nullptr;
}

}  // namespace pictor
")
file(COPY_FILE "${OUT}.new" "${OUT}" ONLY_IF_DIFFERENT)
