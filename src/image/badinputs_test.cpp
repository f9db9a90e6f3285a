// Every file of a folder of hostile and odd pictures ends as pixels or as a cause, in bounded time. The folder is not
// part of the repository; without it the test is skipped.
#include <ctime>
#include <map>

#include "image/image_testing.h"

namespace pictor {
namespace {

using testing::file_bytes;

// Sanitizers make code five to ten times slower; what they look for is not time.
#if defined(PICTOR_SANITIZED)
constexpr double kSecondsMax = 20.0;
#else
constexpr double kSecondsMax = 2.0;
#endif
// Of the files that Pillow reads and whose format is read here.
constexpr double kAgreementMin = 0.97;

struct Reference {
  std::string file;
  bool readable = false;
  std::string format;
  std::uint32_t width = 0, height = 0;
};

std::vector<std::string> split_csv(const std::string& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else if (c != '\r') {
      fields.back() += c;
    }
  }
  return fields;
}

// file,bytes,magic,pillow13,error,format,mode,w,h,frames,icc,orientation
std::vector<Reference> read_manifest(const std::filesystem::path& folder) {
  std::ifstream in(folder / "manifest.csv");
  std::vector<Reference> all;
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    const auto fields = split_csv(line);
    if (fields.size() < 12) continue;
    Reference one = {fields[0], fields[3] == "ok", fields[5], 0, 0};
    if (one.readable) {
      one.width = static_cast<std::uint32_t>(std::stoul(fields[7]));
      one.height = static_cast<std::uint32_t>(std::stoul(fields[8]));
    }
    all.push_back(one);
  }
  return all;
}

struct Outcome {
  std::string kind;
  double seconds = 0;
  Status status;
  ImageInfo info;
};

Outcome try_file(const std::filesystem::path& path) {
  const Bytes bytes = file_bytes(path);
  PrepareSpec spec;
  Outcome outcome;
  const std::clock_t start = std::clock();  // processor time: a busy machine must not fail the test
  const auto decoded = decode_image(bytes, DecodeSpec{}, &spec);
  outcome.status = decoded.status();
  if (decoded.is_ok()) {
    std::vector<float> out(prepared_size(spec));
    outcome.info = decoded->info;
    outcome.status = prepare_image(decoded->image, DecodeSpec{}, spec, out);
  }
  outcome.seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  outcome.kind = std::string(code_name(outcome.status.code()));
  return outcome;
}

TEST(BadInputs, every_file_ends_as_pixels_or_a_cause_within_two_seconds) {
  const std::filesystem::path folder = PICTOR_SOURCE_DIR "/../shared/data/badinputs";
  if (!std::filesystem::exists(folder / "manifest.csv"))
    GTEST_SKIP() << "no folder of bad inputs beside the repository";
  std::map<std::string, int> kinds;
  int expected = 0, agreed = 0;
  double slowest = 0;
  std::string slowest_file;
  for (const Reference& reference : read_manifest(folder)) {
    const Outcome outcome = try_file(folder / reference.file);
    ++kinds[outcome.kind];
    if (outcome.seconds > slowest) {
      slowest = outcome.seconds;
      slowest_file = reference.file;
    }
    EXPECT_LT(outcome.seconds, kSecondsMax) << reference.file;
    if (outcome.kind != "ok") {
      EXPECT_FALSE(outcome.status.message().empty()) << reference.file;
      EXPECT_TRUE(outcome.kind == "unreadable" || outcome.kind == "limit" || outcome.kind == "unsupported")
          << reference.file << ": " << outcome.status.to_string();
    }
    if (!reference.readable) {
      if (outcome.kind == "ok") std::cout << "read here, not by Pillow: " << reference.file << "\n";
      continue;
    }
    if (outcome.kind == "ok") {
      // Pillow tells the size of a TIFF after turning it upright.
      const bool turned = reference.format == "TIFF" && outcome.info.orientation >= 5;
      EXPECT_EQ(outcome.info.width, turned ? reference.height : reference.width) << reference.file;
      EXPECT_EQ(outcome.info.height, turned ? reference.width : reference.height) << reference.file;
    } else {
      std::cout << "read by Pillow, not here: " << reference.file << ": " << outcome.status.to_string() << "\n";
    }
    if (reference.format == "ICO") continue;
    ++expected;
    agreed += outcome.kind == "ok" ? 1 : 0;
  }
  for (const auto& [kind, count] : kinds) std::cout << kind << ": " << count << "\n";
  std::cout << "agreement: " << agreed << " of " << expected << "; slowest " << slowest_file << " with " << slowest
            << " s\n";
  EXPECT_GE(agreed, expected * kAgreementMin);
}

}  // namespace
}  // namespace pictor
