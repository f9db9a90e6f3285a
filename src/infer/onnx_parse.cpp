// Messages of ONNX (onnx.proto3 of the format's repository) to plain values. The numbers in `case` are the format's.
#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <utility>

#include "infer/onnx_file.h"
#include "infer/protobuf.h"

namespace pictor {
namespace {

constexpr std::uint64_t kExternal = 1;  // TensorProto.DataLocation
constexpr const char* kNames = "the names that operations take and give are";

struct TypeInfo {
  std::string_view name;
  std::uint32_t bits;  // of one number; 0: not known
};
constexpr std::array<TypeInfo, 27> kTypes = {
    {{"none", 0},       {"f32", 32},   {"u8", 8},         {"i8", 8},           {"u16", 16},  {"i16", 16},
     {"i32", 32},       {"i64", 64},   {"string", 0},     {"bool", 8},         {"f16", 16},  {"f64", 64},
     {"u32", 32},       {"u64", 64},   {"complex64", 64}, {"complex128", 128}, {"bf16", 16}, {"f8e4m3fn", 8},
     {"f8e4m3fnuz", 8}, {"f8e5m2", 8}, {"f8e5m2fnuz", 8}, {"u4", 4},           {"i4", 4},    {"f4e2m1", 4},
     {"f8e8m0", 8},     {"u2", 2},     {"i2", 2}}};

std::uint32_t bits_of(std::int32_t type) {
  return type > 0 && static_cast<std::size_t>(type) < kTypes.size() ? kTypes[static_cast<std::size_t>(type)].bits : 0;
}

class Parser {
 public:
  explicit Parser(const std::string& path) : path_(path) {}

  Result<OnnxNetwork> parse(ByteView bytes) {
    if (bytes.empty()) return unreadable("is empty");
    WireReader reader(bytes);
    WireField field;
    bool has_graph = false;
    while (reader.next(field)) {
      PICTOR_TRY(check_kind(field, {7, 8, 20, 25}, {1}));
      switch (field.number) {
        case 1: network_.ir_version = static_cast<std::int64_t>(field.value); break;
        case 7:
          if (std::exchange(has_graph, true)) return unreadable("has two networks in it");
          network_.graph = field.bytes;
          break;
        case 8: PICTOR_TRY(opset(field.bytes)); break;
        case 20: PICTOR_TRY(training(field.bytes)); break;
        case 25: PICTOR_TRY(function(field.bytes)); break;
        default: break;
      }
    }
    PICTOR_TRY(whole(reader));
    if (network_.graph.empty() || network_.ir_version <= 0) return unreadable("has no network in it");
    PICTOR_TRY(graph(network_.graph, 0, nullptr));
    // Older files list their weights among the inputs, as defaults that a caller may replace.
    std::erase_if(network_.inputs, [this](const OnnxPort& port) { return defaults_.contains(port.name); });
    return std::move(network_);
  }

 private:
  Status unreadable(const std::string& what) const {
    return {Code::kUnreadable, "'" + path_ + "' cannot be read as a network (ONNX is wanted): it " + what};
  }
  Status over(const std::string& what, std::uint64_t seen, std::uint64_t limit) const {
    return {Code::kLimit, "'" + path_ + "': " + what + " " + std::to_string(seen) + ", at most " +
                              std::to_string(limit) + " are read"};
  }
  Status whole(const WireReader& reader) const {
    return reader.fault().empty() ? Status::ok() : unreadable("is cut off or damaged: " + reader.fault());
  }

  // Readers pass over a known field of a wrong kind, or take it for another thing; here it is refused.
  Status check_kind(const WireField& field, std::initializer_list<std::uint32_t> messages,
                    std::initializer_list<std::uint32_t> numbers = {}) const {
    const auto is_one = [&field](auto list) { return std::ranges::find(list, field.number) != list.end(); };
    const bool wrong =
        (is_one(messages) && field.type != WireField::kBytes) || (is_one(numbers) && field.type != WireField::kVarint);
    return wrong ? unreadable("is damaged: field " + std::to_string(field.number) + " is of a wrong kind")
                 : Status::ok();
  }

  Status name(const WireField& field, std::string_view& out) const {
    if (field.type != WireField::kBytes) return unreadable("has a name that is none");
    if (field.bytes.size() > limits::kModelNameBytesMax) {
      return over("the bytes of a name are", field.bytes.size(), limits::kModelNameBytesMax);
    }
    out = as_text(field.bytes);
    return Status::ok();
  }

  Status count(std::size_t& counter, std::size_t limit, const char* what) const {
    return ++counter > limit ? over(what, counter, limit) : Status::ok();
  }

  // Dimensions come one a field or packed.
  Status dimensions(const WireField& field, std::vector<std::int64_t>& shape) const {
    ByteView packed = field.bytes;
    std::uint64_t value = field.value;
    do {
      if (field.type == WireField::kBytes) {
        if (packed.empty()) break;
        if (!take_packed_varint(packed, value)) return unreadable("has a shape that is cut off");
      }
      shape.push_back(static_cast<std::int64_t>(value));
      if (shape.size() > limits::kModelDimensionsMax) {
        return over("the dimensions of a tensor are", shape.size(), limits::kModelDimensionsMax);
      }
    } while (field.type == WireField::kBytes);
    return Status::ok();
  }

  Status opset(ByteView bytes) {
    OnnxOpset opset;
    WireReader reader(bytes);
    WireField field;
    std::string_view domain;
    while (reader.next(field)) {
      PICTOR_TRY(check_kind(field, {}, {2}));
      if (field.number == 1) PICTOR_TRY(name(field, domain));
      if (field.number == 2) opset.version = static_cast<std::int64_t>(field.value);
    }
    // The format's own operations are under both names.
    if (domain != "ai.onnx") opset.domain = domain;
    PICTOR_TRY(count(names_, limits::kModelNamesMax, kNames));
    network_.opsets.push_back(std::move(opset));
    return whole(reader);
  }

  Status training(ByteView bytes) {
    WireReader reader(bytes);
    WireField field;
    while (reader.next(field)) {
      PICTOR_TRY(check_kind(field, {1, 2}));
      if (field.number == 1 || field.number == 2) PICTOR_TRY(graph(field.bytes, 1, nullptr));
    }
    return whole(reader);
  }

  Status function(ByteView bytes) {
    WireReader reader(bytes);
    WireField field;
    while (reader.next(field)) {
      PICTOR_TRY(check_kind(field, {7}));
      if (field.number == 7) PICTOR_TRY(node(field.bytes, field.whole, 1, nullptr));
    }
    return whole(reader);
  }

  // `taken` gathers the names that an inner network reads; null for one of which nobody asks.
  Status graph(ByteView bytes, std::uint32_t depth, std::vector<std::string_view>* taken) {
    if (depth > limits::kModelDepthMax) {
      return over("networks within networks are", depth, limits::kModelDepthMax);
    }
    WireReader reader(bytes);
    WireField field;
    while (reader.next(field)) {
      PICTOR_TRY(check_kind(field, {1, 5, 11, 12, 13, 14, 15}));
      switch (field.number) {
        case 1: PICTOR_TRY(node(field.bytes, field.whole, depth, taken)); break;
        case 5: PICTOR_TRY(tensor(field.bytes, depth == 0)); break;
        case 11:
          if (depth == 0) PICTOR_TRY(port(field.bytes, network_.inputs));
          break;
        case 12:
          if (depth == 0) PICTOR_TRY(port(field.bytes, network_.outputs));
          if (depth > 0 && taken != nullptr) PICTOR_TRY(inner_output(field.bytes, *taken));
          break;
        case 15: PICTOR_TRY(sparse(field.bytes)); break;
        default: break;
      }
    }
    return whole(reader);
  }

  Status inner_output(ByteView bytes, std::vector<std::string_view>& taken) {
    std::vector<OnnxPort> ports;
    PICTOR_TRY(port(bytes, ports));
    taken.push_back(ports[0].name);
    return Status::ok();
  }

  Status node(ByteView bytes, ByteView all, std::uint32_t depth, std::vector<std::string_view>* taken) {
    PICTOR_TRY(count(nodes_, limits::kModelNodesMax, "the operations of the network are"));
    OnnxNode node;
    node.whole = all;
    WireReader reader(bytes);
    WireField field;
    while (reader.next(field)) {
      PICTOR_TRY(check_kind(field, {5}));
      switch (field.number) {
        case 1:
        case 2: {
          PICTOR_TRY(count(names_, limits::kModelNamesMax, kNames));
          auto& names = field.number == 1 ? node.inputs : node.outputs;
          PICTOR_TRY(name(field, names.emplace_back()));
          break;
        }
        case 4: PICTOR_TRY(name(field, node.operation)); break;
        case 5: PICTOR_TRY(attribute(field.bytes, depth, node.inputs)); break;
        case 7: PICTOR_TRY(name(field, node.domain)); break;
        default: break;
      }
    }
    PICTOR_TRY(whole(reader));
    if (node.domain == "ai.onnx") node.domain = {};
    network_.operations.emplace(node.domain, node.operation);
    if (taken != nullptr) taken->insert(taken->end(), node.inputs.begin(), node.inputs.end());
    if (depth == 0) network_.nodes.push_back(std::move(node));
    return Status::ok();
  }

  Status attribute(ByteView bytes, std::uint32_t depth, std::vector<std::string_view>& taken) {
    WireReader reader(bytes);
    WireField field;
    // A message that comes twice is joined by some readers and replaced by others.
    std::set<std::uint32_t> seen;
    while (reader.next(field)) {
      PICTOR_TRY(check_kind(field, {5, 6, 10, 11, 22, 23}));
      const bool single = field.number == 5 || field.number == 6 || field.number == 22;
      if (single && !seen.insert(field.number).second) return unreadable("has an attribute with two values");
      switch (field.number) {
        case 5:
        case 10: PICTOR_TRY(tensor(field.bytes, false)); break;
        case 6:
        case 11: PICTOR_TRY(graph(field.bytes, depth + 1, &taken)); break;
        case 22:
        case 23: PICTOR_TRY(sparse(field.bytes)); break;
        default: break;
      }
    }
    return whole(reader);
  }

  Status sparse(ByteView bytes) {
    OnnxTensor dense;
    WireReader reader(bytes);
    WireField field;
    while (reader.next(field)) {
      PICTOR_TRY(check_kind(field, {1, 2}));
      if (field.number == 1 || field.number == 2) PICTOR_TRY(tensor(field.bytes, false));
      if (field.number == 1) dense.type = network_.tensors.back().type;
      if (field.number == 3) PICTOR_TRY(dimensions(field, dense.shape));
    }
    PICTOR_TRY(whole(reader));
    return claim(dense).status();
  }

  // How many numbers the shape claims; sets `bytes`.
  Result<std::uint64_t> claim(OnnxTensor& tensor) {
    constexpr std::uint64_t kNumbersMax = 8 * limits::kModelBytesMax;  // of one bit each
    std::uint64_t numbers = 1;
    const std::string which = "tensor '" + shown_name(tensor.name) + "' ";
    for (const auto size : tensor.shape) {
      if (size < 0) return unreadable("has a shape with " + std::to_string(size) + " in " + which);
      const bool wraps = __builtin_mul_overflow(numbers, static_cast<std::uint64_t>(size), &numbers);
      if (wraps || numbers > kNumbersMax) numbers = kNumbersMax + 1;
    }
    tensor.bytes = (numbers * std::max(bits_of(tensor.type), 1U) + 7) / 8;
    if (tensor.bytes > limits::kModelBytesMax || (claimed_ += tensor.bytes) > limits::kModelBytesMax) {
      return over("the bytes that weights claim to have, up to " + which + "are", std::max(claimed_, tensor.bytes),
                  limits::kModelBytesMax);
    }
    return numbers;
  }

  Status tensor(ByteView bytes, bool is_default) {
    PICTOR_TRY(count(tensors_, limits::kModelTensorsMax, "the constants of the network are"));
    OnnxTensor tensor;
    tensor.body = bytes;
    std::uint64_t typed = 0;  // numbers kept in fields of their type
    bool has_raw = false;
    WireReader reader(bytes);
    WireField field;
    while (reader.next(field)) {
      PICTOR_TRY(check_kind(field, {6, 9, 13}, {2, 14}));
      const bool packed = field.type == WireField::kBytes;
      switch (field.number) {
        case 1: PICTOR_TRY(dimensions(field, tensor.shape)); break;
        case 2: tensor.type = static_cast<std::int32_t>(field.value); break;
        case 4: typed += packed ? field.bytes.size() / 4 : 1; break;
        case 5:
        case 7:
        case 11: typed += packed ? count_packed_varints(field.bytes) : 1; break;
        case 6: ++typed; break;
        case 8: PICTOR_TRY(name(field, tensor.name)); break;
        case 9:
          tensor.raw = field.bytes;
          has_raw = true;
          break;
        case 10: typed += packed ? field.bytes.size() / 8 : 1; break;
        case 13: PICTOR_TRY(external_entry(field.bytes, tensor)); break;
        case 14: tensor.external = tensor.external || field.value == kExternal; break;
        default: break;
      }
    }
    PICTOR_TRY(whole(reader));
    PICTOR_TRY(check_numbers(tensor, has_raw, typed));
    if (is_default) defaults_.insert(tensor.name);
    network_.tensors.push_back(std::move(tensor));
    return Status::ok();
  }

  // As many bytes as the shape claims, no fewer and no more.
  Status check_numbers(OnnxTensor& tensor, bool has_raw, std::uint64_t typed) {
    PICTOR_ASSIGN(const auto numbers, claim(tensor));
    const std::string which = "tensor '" + shown_name(tensor.name) + "'";
    if (tensor.external) {
      if (tensor.location.empty()) return unreadable("does not say in which file " + which + " lies");
      if (has_raw || typed > 0) return unreadable("has " + which + " both in itself and in another file");
      if (bits_of(tensor.type) == 0) return unreadable("has " + which + " of an unknown type in another file");
      return Status::ok();
    }
    if (has_raw && bits_of(tensor.type) > 0) {
      if (typed == 0 && tensor.raw.size() == tensor.bytes) return Status::ok();
      return unreadable("claims " + std::to_string(tensor.bytes) + " bytes for " + which + " and has " +
                        std::to_string(tensor.raw.size()));
    }
    // Numbers of less than a byte may share one field, a complex number takes two.
    const std::uint32_t bits = bits_of(tensor.type);
    const std::uint64_t at_least = bits > 0 && bits < 8 ? tensor.bytes : numbers;
    if (typed >= at_least && typed <= std::max<std::uint64_t>(2 * numbers, 1)) return Status::ok();
    return unreadable("claims " + std::to_string(numbers) + " numbers for " + which + " and has " +
                      std::to_string(typed));
  }

  Status external_entry(ByteView bytes, OnnxTensor& tensor) {
    std::string_view key;
    std::string_view value;
    WireReader reader(bytes);
    WireField field;
    while (reader.next(field)) {
      if (field.number == 1) PICTOR_TRY(name(field, key));
      if (field.number == 2) PICTOR_TRY(name(field, value));
    }
    PICTOR_TRY(whole(reader));
    // Also when the tensor does not say that it lies outside: no reader shall be led to a file that was not checked.
    tensor.external = true;
    const std::string which = "tensor '" + shown_name(tensor.name) + "'";
    if (key == "location") {
      if (!tensor.location.empty()) return unreadable("names two files for " + which);
      tensor.location = value;
    } else if (key == "offset") {
      return whole_number(value, which, tensor.offset);
    } else if (key == "length") {
      return whole_number(value, which, tensor.length);
    }
    return Status::ok();
  }

  Status whole_number(std::string_view text, const std::string& which, std::uint64_t& out) const {
    const auto end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, out);
    if (read.ec == std::errc() && read.ptr == end) return Status::ok();
    return unreadable("has '" + shown_name(text) + "' as the place of " + which + " in another file");
  }

  Status port(ByteView bytes, std::vector<OnnxPort>& ports) {
    PICTOR_TRY(count(names_, limits::kModelNamesMax, kNames));
    OnnxPort port;
    WireReader reader(bytes);
    WireField field;
    bool has_type = false;
    while (reader.next(field)) {
      PICTOR_TRY(check_kind(field, {2}));
      if (field.number == 1) PICTOR_TRY(name(field, port.name));
      if (field.number != 2) continue;
      if (std::exchange(has_type, true)) return unreadable("gives '" + shown_name(port.name) + "' two types");
      PICTOR_TRY(port_type(field.bytes, port));
    }
    PICTOR_TRY(whole(reader));
    PICTOR_TRY(check_port_bytes(port));
    ports.push_back(std::move(port));
    return Status::ok();
  }

  Status port_type(ByteView bytes, OnnxPort& port) {
    WireReader reader(bytes);
    WireField field;
    while (reader.next(field)) {
      PICTOR_TRY(check_kind(field, {1}));
      if (field.number != 1) continue;
      WireReader tensor(field.bytes);
      WireField part;
      while (tensor.next(part)) {
        PICTOR_TRY(check_kind(part, {2}, {1}));
        if (part.number == 1) port.type = static_cast<std::int32_t>(part.value);
        if (part.number == 2) PICTOR_TRY(port_shape(part.bytes, port));
      }
      PICTOR_TRY(whole(tensor));
    }
    return whole(reader);
  }

  Status port_shape(ByteView bytes, OnnxPort& port) {
    port.has_shape = true;
    WireReader reader(bytes);
    WireField field;
    while (reader.next(field)) {
      PICTOR_TRY(check_kind(field, {1}));
      if (field.number != 1) continue;
      std::int64_t size = -1;
      std::string_view dimension;
      WireReader parts(field.bytes);
      WireField part;
      while (parts.next(part)) {
        PICTOR_TRY(check_kind(part, {}, {1}));
        if (part.number == 1) size = static_cast<std::int64_t>(part.value);
        if (part.number == 2) PICTOR_TRY(name(part, dimension));
      }
      PICTOR_TRY(whole(parts));
      port.shape.push_back(size > 0 ? size : -1);
      port.dimensions.push_back(dimension);
      if (port.shape.size() > limits::kModelDimensionsMax) {
        return over("the dimensions of a tensor are", port.shape.size(), limits::kModelDimensionsMax);
      }
    }
    return whole(reader);
  }

  // Run times take the memory of tensors of fixed size when they prepare a network.
  Status check_port_bytes(const OnnxPort& port) const {
    std::uint64_t bytes = std::max(bits_of(port.type), 8U) / 8;
    for (const auto size : port.shape) {
      if (size < 0) continue;
      if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(size), &bytes)) bytes = UINT64_MAX;
      if (bytes <= limits::kModelTensorBytesMax) continue;
      return over("the bytes that '" + shown_name(port.name) + "' claims are", bytes, limits::kModelTensorBytesMax);
    }
    return Status::ok();
  }

  const std::string& path_;
  OnnxNetwork network_;
  std::set<std::string_view> defaults_;
  std::size_t nodes_ = 0;
  std::size_t names_ = 0;
  std::size_t tensors_ = 0;
  std::uint64_t claimed_ = 0;
};

}  // namespace

std::string onnx_type_name(std::int32_t type) {
  if (type < 0 || static_cast<std::size_t>(type) >= kTypes.size()) return "type " + std::to_string(type);
  return std::string(kTypes[static_cast<std::size_t>(type)].name);
}

Result<OnnxNetwork> parse_onnx(ByteView bytes, const std::string& path) { return Parser(path).parse(bytes); }

}  // namespace pictor
