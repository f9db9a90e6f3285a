// A network without what the wanted outputs do not need, made by copying the messages that stay.
#include <algorithm>
#include <set>
#include <unordered_map>

#include "infer/onnx_file.h"
#include "infer/protobuf.h"

namespace pictor {
namespace {

Status asked_twice(const std::string& output, const std::string& path) {
  return {Code::kInvalid, "output '" + output + "' of '" + path + "' is asked for twice"};
}

Status no_such_output(const OnnxNetwork& network, const std::string& output, const std::string& path) {
  std::string known;
  for (const auto& port : network.outputs) known.append(known.empty() ? "" : ", ").append(shown_name(port.name));
  return {Code::kInvalid, "'" + path + "' has no output '" + output + "'; it has: " + known};
}

}  // namespace

Status check_outputs(const OnnxNetwork& network, std::span<const std::string> outputs, const std::string& path) {
  std::set<std::string_view> asked;
  for (const auto& output : outputs) {
    if (!asked.insert(output).second) return asked_twice(output, path);
    if (std::ranges::find(network.outputs, output, &OnnxPort::name) == network.outputs.end()) {
      return no_such_output(network, output, path);
    }
  }
  return Status::ok();
}

namespace {

struct Needed {
  std::set<std::string_view> names;
  std::vector<bool> nodes;
};

Needed find_needed(const OnnxNetwork& network, std::span<const std::string> outputs) {
  std::unordered_map<std::string_view, std::size_t> made_by;
  for (std::size_t i = 0; i < network.nodes.size(); ++i) {
    for (const auto name : network.nodes[i].outputs) {
      if (!name.empty()) made_by.emplace(name, i);
    }
  }
  Needed needed;
  needed.nodes.resize(network.nodes.size());
  std::vector<std::string_view> open(outputs.begin(), outputs.end());
  while (!open.empty()) {
    const auto name = open.back();
    open.pop_back();
    if (!needed.names.insert(name).second) continue;
    const auto found = made_by.find(name);
    if (found == made_by.end() || needed.nodes[found->second]) continue;
    needed.nodes[found->second] = true;
    const auto& node = network.nodes[found->second];
    open.insert(open.end(), node.inputs.begin(), node.inputs.end());
    // A node is kept or left as a whole: what else it makes must keep its type.
    needed.names.insert(node.outputs.begin(), node.outputs.end());
  }
  return needed;
}

// The name in field `number` of a message (8 in a tensor, 1 in all others); the last one counts.
std::string_view name_in(ByteView message, std::uint32_t number) {
  std::string_view name;
  WireReader reader(message);
  WireField field;
  while (reader.next(field)) {
    if (field.number == number) name = as_text(field.bytes);
  }
  return name;
}

Bytes cut_graph(const OnnxNetwork& network, std::span<const std::string> outputs) {
  const Needed needed = find_needed(network, outputs);
  ByteWriter out;
  std::unordered_map<std::string_view, ByteView> ports;
  std::size_t node = 0;
  WireReader reader(network.graph);
  WireField field;
  while (reader.next(field)) {
    bool stays = true;
    switch (field.number) {
      case 1: stays = needed.nodes[node++]; break;
      case 5: stays = needed.names.contains(name_in(field.bytes, 8)); break;
      case 11:
      case 13:
      case 14: stays = needed.names.contains(name_in(field.bytes, 1)); break;
      case 12:
        ports[name_in(field.bytes, 1)] = field.bytes;
        stays = false;
        break;
      default: break;
    }
    if (stays) out.put(field.whole);
  }
  for (const auto& name : outputs) put_bytes_field(out, 12, ports[name]);
  return out.take();
}

}  // namespace

Result<Bytes> cut_onnx(const OnnxNetwork& network, ByteView bytes, std::span<const std::string> outputs,
                       const std::string& path) {
  PICTOR_TRY(check_outputs(network, outputs, path));
  ByteWriter out;
  WireReader reader(bytes);
  WireField field;
  while (reader.next(field)) {
    if (field.number != 7) {
      out.put(field.whole);
    } else {
      put_bytes_field(out, 7, cut_graph(network, outputs));
    }
  }
  return out.take();
}

}  // namespace pictor
