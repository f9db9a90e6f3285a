#include "infer/onnx_file.h"

#include <gtest/gtest.h>

#include <limits>

#include "infer/infer_testing.h"
#include "infer/protobuf.h"

namespace pictor {
namespace {

// Messages are built by hand: numbers are those of the format (onnx.proto3).
class Message {
 public:
  Message& number(std::uint32_t field, std::uint64_t value) {
    put_varint(out_, std::uint64_t{field} << 3);
    put_varint(out_, value);
    return *this;
  }
  Message& bytes(std::uint32_t field, ByteView value) {
    put_bytes_field(out_, field, value);
    return *this;
  }
  Message& text(std::uint32_t field, std::string_view value) { return bytes(field, as_bytes(value)); }
  Message& message(std::uint32_t field, const Message& value) { return bytes(field, value.out_.bytes()); }
  const Bytes& done() const { return out_.bytes(); }

 private:
  ByteWriter out_;
};

Message port(std::string_view name, const std::vector<std::uint64_t>& sizes) {
  Message shape;
  for (const auto size : sizes) shape.message(1, size == 0 ? Message().text(2, "open") : Message().number(1, size));
  return Message().text(1, name).message(2, Message().message(1, Message().number(1, 1).message(2, shape)));
}

Message f32(std::string_view name, const std::vector<std::uint64_t>& shape, const std::vector<float>& values) {
  Message tensor;
  for (const auto size : shape) tensor.number(1, size);
  return tensor.number(2, 1).text(8, name).bytes(9, std::as_bytes(std::span(values)));
}

Message node(std::string_view operation, std::string_view input, std::string_view output) {
  return Message().text(1, input).text(2, output).text(4, operation);
}

Message model(const Message& graph) {
  return Message().number(1, 9).message(8, Message().number(2, 17)).message(7, graph);
}

Result<OnnxNetwork> parsed(const Message& message) { return parse_onnx(message.done(), "it"); }
// What is found would point into bytes that are gone: only whether it is.
Status graph_parsed(const Message& graph) { return parsed(model(graph)).status(); }

void expect_says(const Status& status, Code code, const std::string& words) {
  EXPECT_EQ(status.code(), code) << status.to_string();
  EXPECT_NE(status.message().find(words), std::string::npos) << status.to_string();
}

TEST(OnnxFile, a_network_says_its_ports_operations_and_weights) {
  const auto graph = Message()
                         .message(1, node("Relu", "x", "y"))
                         .message(5, f32("w", {2}, {1, 2}))
                         .message(11, port("x", {0, 3}))
                         .message(11, port("w", {2}))
                         .message(12, port("y", {0, 3}));
  const auto file = model(graph);
  const auto network = parsed(file);
  ASSERT_TRUE(network.is_ok()) << network.status().to_string();
  ASSERT_EQ(network->inputs.size(), 1U) << "a weight with a default is no input";
  EXPECT_EQ(network->inputs[0].name, "x");
  EXPECT_EQ(network->inputs[0].shape, (std::vector<std::int64_t>{-1, 3}));
  EXPECT_EQ(network->inputs[0].dimensions[0], "open");
  EXPECT_EQ(network->opsets[0].version, 17);
  EXPECT_EQ(network->nodes[0].operation, "Relu");
  EXPECT_EQ(network->tensors[0].bytes, 8U);
}

TEST(OnnxFile, any_prefix_of_a_network_is_refused_or_read_and_never_read_past) {
  const auto file = model(Message()
                              .message(1, node("Relu", "x", "y"))
                              .message(5, f32("w", {2}, {1, 2}))
                              .message(11, port("x", {3}))
                              .message(12, port("y", {3})));
  for (std::size_t size = 0; size < file.done().size(); ++size) {
    const Bytes part(file.done().begin(), file.done().begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(parse_onnx(part, "it").status().code(), Code::kUnreadable) << size;
  }
}

TEST(OnnxFile, a_field_that_claims_more_than_is_there_is_named_with_both_numbers) {
  ByteWriter out;
  put_varint(out, 1 << 3);
  put_varint(out, 9);
  put_varint(out, 7 << 3 | 2);
  put_varint(out, 10'000'000'000);
  expect_says(parse_onnx(out.bytes(), "it").status(), Code::kUnreadable, "claims 10000000000 bytes, 0 are left");
}

TEST(OnnxFile, two_networks_are_refused_also_when_the_first_is_empty) {
  const auto graph = Message().message(12, port("y", {3}));
  const auto after_empty = Message().number(1, 9).message(7, Message()).message(7, graph);
  expect_says(parsed(after_empty).status(), Code::kUnreadable, "two networks");
}

TEST(OnnxFile, a_field_of_a_wrong_kind_is_refused) {
  auto number_for_network = Message().number(1, 9).number(7, 5);
  number_for_network.message(7, Message());
  expect_says(parsed(number_for_network).status(), Code::kUnreadable, "field 7 is of a wrong kind");
  // Passed over by others, it would hide that these are floats.
  const auto hidden =
      Message().number(1, 1).number(2, 1).text(2, "").text(8, "w").bytes(4, as_bytes("\xFF\xFF\xFF\x7F"));
  expect_says(graph_parsed(Message().message(5, hidden)), Code::kUnreadable, "field 2 is of a wrong kind");
}

TEST(OnnxFile, a_tensor_has_exactly_the_bytes_that_its_shape_claims) {
  EXPECT_TRUE(graph_parsed(Message().message(5, f32("w", {2, 2}, {1, 2, 3, 4}))).is_ok());
  expect_says(graph_parsed(Message().message(5, f32("w", {2, 2}, {1, 2, 3}))), Code::kUnreadable,
              "claims 16 bytes for tensor 'w' and has 12");
  expect_says(graph_parsed(Message().message(5, f32("w", {2}, {1, 2, 3}))), Code::kUnreadable,
              "claims 8 bytes for tensor 'w' and has 12");
  const auto listed = Message().number(1, 3).number(2, 7).text(8, "n").bytes(7, as_bytes("\x01\x02\x03"));
  EXPECT_TRUE(graph_parsed(Message().message(5, listed)).is_ok());
  const auto fewer = Message().number(1, 5).number(2, 7).text(8, "n").bytes(7, as_bytes("\x01\x02"));
  expect_says(graph_parsed(Message().message(5, fewer)), Code::kUnreadable, "claims 5 numbers for tensor 'n'");
  expect_says(graph_parsed(Message().message(5, Message().number(1, ~0ULL).number(2, 1).text(8, "w"))),
              Code::kUnreadable, "shape with -1");
}

TEST(OnnxFile, what_all_weights_claim_is_bounded) {
  const auto outer = [](std::uint64_t bytes) {
    return Message().number(1, bytes).number(2, 2).text(8, "w").number(14, 1).message(
        13, Message().text(1, "location").text(2, "w.bin"));
  };
  EXPECT_TRUE(graph_parsed(Message().message(5, outer(limits::kModelBytesMax))).is_ok());
  expect_says(graph_parsed(Message().message(5, outer(limits::kModelBytesMax + 1))), Code::kLimit, "tensor 'w'");
  expect_says(graph_parsed(Message().message(5, outer(limits::kModelBytesMax)).message(5, outer(1))), Code::kLimit,
              "tensor 'w'");
  const auto wraps = Message().number(1, 1ULL << 62).number(1, 4).number(2, 1).text(8, "w");
  expect_says(graph_parsed(Message().message(5, wraps)), Code::kLimit, "tensor 'w'");
}

TEST(OnnxFile, what_a_port_of_fixed_size_claims_is_bounded) {
  const std::uint64_t numbers = limits::kModelTensorBytesMax / sizeof(float);
  EXPECT_TRUE(graph_parsed(Message().message(11, port("x", {0, numbers}))).is_ok());
  expect_says(graph_parsed(Message().message(11, port("x", {0, numbers + 1}))), Code::kLimit, "'x'");
  expect_says(graph_parsed(Message().message(12, port("y", {1ULL << 40, 1ULL << 40}))), Code::kLimit, "'y'");
}

TEST(OnnxFile, names_dimensions_depth_and_counts_are_bounded) {
  const std::string longest(limits::kModelNameBytesMax, 'n');
  EXPECT_TRUE(graph_parsed(Message().message(1, node("Relu", longest, "y"))).is_ok());
  expect_says(graph_parsed(Message().message(1, node("Relu", longest + "n", "y"))), Code::kLimit, "name");

  const std::vector<std::uint64_t> ones(limits::kModelDimensionsMax, 1);
  EXPECT_TRUE(graph_parsed(Message().message(5, f32("w", ones, {1}))).is_ok());
  auto more = ones;
  more.push_back(1);
  expect_says(graph_parsed(Message().message(5, f32("w", more, {1}))), Code::kLimit, "dimensions");
  expect_says(graph_parsed(Message().message(11, port("x", more))), Code::kLimit, "dimensions");

  const auto nested = [](std::uint32_t depth) {
    Message graph;
    for (std::uint32_t i = 0; i < depth; ++i) {
      graph = Message().message(1, node("If", "x", "y").message(5, Message().text(1, "then").message(6, graph)));
    }
    return graph_parsed(graph);
  };
  EXPECT_TRUE(nested(limits::kModelDepthMax).is_ok());
  expect_says(nested(limits::kModelDepthMax + 1), Code::kLimit, "networks within networks");

  const auto many = [](std::uint32_t field, std::size_t count) {
    ByteWriter graph;
    for (std::size_t i = 0; i < count; ++i) put_bytes_field(graph, field, {});
    return parsed(Message().number(1, 9).bytes(7, graph.bytes())).status();
  };
  EXPECT_TRUE(many(1, limits::kModelNodesMax).is_ok());
  expect_says(many(1, limits::kModelNodesMax + 1), Code::kLimit, "operations");
  ByteWriter empty;
  for (std::size_t i = 0; i <= limits::kModelTensorsMax; ++i) put_bytes_field(empty, 5, Message().number(1, 0).done());
  expect_says(parsed(Message().number(1, 9).bytes(7, empty.bytes())).status(), Code::kLimit, "constants");
  ByteWriter names;
  for (std::size_t i = 0; i <= limits::kModelNamesMax; ++i) put_bytes_field(names, 1, {});
  expect_says(graph_parsed(Message().bytes(1, names.bytes())), Code::kLimit, "names");
}

TEST(OnnxFile, a_file_is_named_only_within_the_folder) {
  const std::string folder = fresh_folder();
  auto& env = Env::real();
  ASSERT_TRUE(env.make_dirs(folder + "/in").is_ok());
  ASSERT_TRUE(write_file_atomic(env, folder + "/in/w.bin", as_bytes("12345678")).is_ok());
  ASSERT_TRUE(write_file_atomic(env, folder + "/w.bin", as_bytes("12345678")).is_ok());
  const auto open = [&](std::string_view location, const std::string& offset, bool says_external = true) {
    auto tensor =
        Message().number(1, 2).number(2, 1).text(8, "w").message(13, Message().text(1, "location").text(2, location));
    tensor.message(13, Message().text(1, "offset").text(2, offset));
    if (says_external) tensor.number(14, 1);
    // In an attribute, where nobody looks.
    const auto held =
        Message().message(1, node("Constant", "", "y").message(5, Message().text(1, "value").message(5, tensor)));
    EXPECT_TRUE(write_file_atomic(env, folder + "/in/it.onnx", model(held).done()).is_ok());
    const auto file = OnnxFile::open(env, folder + "/in/it.onnx");
    return file.is_ok() ? Status::ok() : file.status();
  };
  EXPECT_TRUE(open("w.bin", "0").is_ok());
  EXPECT_TRUE(open("./w.bin", "0").is_ok());
  for (const char* outside :
       {"../w.bin", "../../etc/passwd", "x/../../w.bin", "..", "/etc/passwd", "in\\..\\w.bin", "*/_ORT_MEM_ADDR_/*"}) {
    expect_says(open(outside, "0"), Code::kInvalid, "not within the network's folder");
    expect_says(open(outside, "0", false), Code::kInvalid, "not within the network's folder");
  }
  expect_says(open(std::string_view("w.bin\0x", 7), "0"), Code::kInvalid, "not within the network's folder");
  expect_says(open("none.bin", "0"), Code::kNotFound, "'none.bin'");
  expect_says(open("w.bin", "1"), Code::kUnreadable, "claims 8 bytes from byte 1 of 'w.bin', which has 8");
  expect_says(open("w.bin", "18446744073709551615"), Code::kUnreadable, "claims 8 bytes from byte");
  expect_says(open("w.bin", "-1"), Code::kUnreadable, "'-1' as the place");
}

TEST(OnnxFile, weights_that_are_both_inside_and_outside_are_refused) {
  auto tensor = f32("w", {1}, {1});
  tensor.message(13, Message().text(1, "location").text(2, "w.bin"));
  expect_says(graph_parsed(Message().message(5, tensor)), Code::kUnreadable, "both in itself and in another");
  auto two = Message().number(1, 1).number(2, 1).number(14, 1);
  two.message(13, Message().text(1, "location").text(2, "a")).message(13, Message().text(1, "location").text(2, "b"));
  expect_says(graph_parsed(Message().message(5, two)), Code::kUnreadable, "names two files");
  const auto nowhere = Message().number(1, 1).number(2, 1).number(14, 1);
  expect_says(graph_parsed(Message().message(5, nowhere)), Code::kUnreadable, "in which file");
}

TEST(OnnxFile, what_wanted_outputs_do_not_need_is_cut_away) {
  const auto branch = Message().message(1, node("Add", "from_around", "b")).message(12, port("b", {1}));
  const auto graph = Message()
                         .message(1, node("MakeA", "x", "a").text(1, "wa"))
                         .message(1, node("MakeAround", "z", "from_around"))
                         .message(1, node("If", "a", "c").message(5, Message().text(1, "then").message(6, branch)))
                         .message(1, node("MakeD", "u", "d").text(1, "wd"))
                         .message(5, f32("wa", {1}, {1}))
                         .message(5, f32("wd", {1}, {1}))
                         .message(11, port("x", {1}))
                         .message(11, port("z", {1}))
                         .message(11, port("u", {1}))
                         .message(12, port("d", {1}))
                         .message(12, port("c", {1}));
  const auto file = model(graph).done();
  const auto whole = parse_onnx(file, "it");
  ASSERT_TRUE(whole.is_ok()) << whole.status().to_string();
  const std::vector<std::string> wanted = {"c"};
  const auto cut = cut_onnx(*whole, file, wanted, "it");
  ASSERT_TRUE(cut.is_ok());
  const auto network = parse_onnx(*cut, "it");
  ASSERT_TRUE(network.is_ok()) << network.status().to_string();
  ASSERT_EQ(network->nodes.size(), 3U) << "what an inner network takes from around it stays";
  ASSERT_EQ(network->inputs.size(), 2U);
  EXPECT_EQ(network->inputs[1].name, "z");
  ASSERT_EQ(network->outputs.size(), 1U);
  EXPECT_EQ(network->outputs[0].name, "c");
  ASSERT_EQ(network->tensors.size(), 1U);
  EXPECT_EQ(network->tensors[0].name, "wa");
  EXPECT_EQ(network->opsets.size(), 1U);
}

TEST(OnnxFile, an_operation_is_named_only_as_a_word_of_its_own) {
  const auto graph = Message().message(1, node("LeakyRelu", "x", "y")).message(1, node("Relu", "y", "z"));
  const auto file = model(graph);
  const auto network = parsed(file);
  ASSERT_TRUE(network.is_ok());
  EXPECT_EQ(named_operations(*network, "no rule for LeakyRelu(16)"), "'LeakyRelu' of ONNX itself (opset 17)");
  EXPECT_EQ(named_operations(*network, "nothing"), "");
}

class Described : public testing::Test {
 protected:
  void SetUp() override {
    if (!tiny_networks().empty()) return;
    if (std::getenv("CI") != nullptr) FAIL() << "the Python environment is missing: run tools/setup";
    GTEST_SKIP() << "the Python environment is missing: run tools/setup";
  }
};

TEST_F(Described, a_network_is_described_without_compiling_it) {
  const auto clip = describe_network(tiny_network("halves.onnx"));
  ASSERT_TRUE(clip.is_ok()) << clip.status().to_string();
  ASSERT_EQ(clip->inputs.size(), 2U);
  EXPECT_EQ(clip->inputs[1].name, "pixels");
  EXPECT_EQ(clip->inputs[1].type, "f16");
  EXPECT_EQ(clip->inputs[1].shape, (std::vector<std::int64_t>{-1, 3, -1, -1}));
  EXPECT_EQ(clip->inputs[0].type, "i64");
  EXPECT_EQ(clip->opset, 17);
  EXPECT_GT(clip->operations, 5U);
  EXPECT_EQ(clip->outputs.size(), 2U);
  const auto outer = describe_network(tiny_network("outer.onnx"));
  ASSERT_TRUE(outer.is_ok());
  ASSERT_EQ(outer->external_files.size(), 1U);
  EXPECT_EQ(outer->external_files[0], tiny_network("weights/outer.bin"));
  EXPECT_EQ(outer->weight_bytes, std::filesystem::file_size(outer->external_files[0]));
  EXPECT_EQ(describe_network(tiny_network("missing.onnx")).status().code(), Code::kNotFound);
}

TEST_F(Described, weights_that_are_no_numbers_are_found_and_named_however_they_are_kept) {
  for (const char* name : {"picture.onnx", "text.onnx", "clip.onnx", "halves.onnx", "outer.onnx", "mask.onnx"}) {
    const auto status = check_weights_finite(tiny_network(name));
    EXPECT_TRUE(status.is_ok()) << status.to_string();
  }
  for (const char* name : {"nan.onnx", "nan_half.onnx", "nan_list.onnx"}) {
    expect_says(check_weights_finite(tiny_network(name)), Code::kUnreadable, "tensor 'added' has numbers that are not");
  }
  expect_says(check_weights_finite(tiny_network("inf.onnx")), Code::kUnreadable,
              "tensor 'added' has numbers that are inf");
  expect_says(check_weights_finite(tiny_network("nan_outer.onnx")), Code::kUnreadable, "tensor 'c2' has numbers");
}

}  // namespace
}  // namespace pictor
