// Indexes the pictures named on the command line into a data folder, then finds those most like the query.
//
//   find_similar DATA_FOLDER CARDS_FOLDER WEIGHTS_FOLDER QUERY.png PICTURE...
#include <cstdio>
#include <fstream>
#include <iterator>

#include "pictor/engine.h"

namespace {

pictor::Result<std::vector<std::byte>> read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return pictor::Status(pictor::Code::kNotFound, "cannot open '" + path + "'");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  return std::vector<std::byte>(data, data + text.size());
}

// Gives the engine one picture after the other.
class Paths : public pictor::IngestSource {
 public:
  explicit Paths(std::vector<std::string> paths) : paths_(std::move(paths)) {}
  pictor::Result<bool> next(Entry& out) override {
    if (position_ == paths_.size()) return false;
    const std::string path = paths_[position_++];
    out = {};
    out.item.source = path;  // the id, too, when none is given
    out.read = [path] { return read_all(path); };
    return true;
  }
  std::optional<std::uint64_t> total() const override { return paths_.size(); }

 private:
  std::vector<std::string> paths_;
  std::size_t position_ = 0;
};

pictor::Status find_similar(pictor::Env& env, const std::vector<std::string>& arguments) {
  pictor::EngineOptions options;
  options.data_folder = arguments[0];
  options.cards_folder = arguments[1];
  options.weights_folder = arguments[2];
  PICTOR_ASSIGN(const auto engine, pictor::Engine::open(env, options));

  Paths source({arguments.begin() + 4, arguments.end()});
  pictor::IngestRequest request;
  request.collection = "example";
  PICTOR_ASSIGN(const auto report, engine->ingest(request, source));
  std::printf("%llu stored, %zu refused\n", static_cast<unsigned long long>(report.counts.added),
              report.quarantine.size());

  pictor::Query query;
  query.collection = "example";
  query.k = 3;
  query.parts.resize(1);
  query.parts[0].kind = pictor::QueryPart::Kind::kImage;
  PICTOR_ASSIGN(query.parts[0].image, read_all(arguments[3]));
  PICTOR_ASSIGN(const auto hits, engine->search(query));
  for (const auto& hit : hits.hits) std::printf("%.4f  %s\n", static_cast<double>(hit.score.value), hit.id.c_str());
  return pictor::Status::ok();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fputs("usage: find_similar DATA_FOLDER CARDS_FOLDER WEIGHTS_FOLDER QUERY PICTURE...\n", stderr);
    return 2;
  }
  const auto status = find_similar(pictor::real_env(), {argv + 1, argv + argc});
  if (!status.is_ok()) std::fprintf(stderr, "%s\n", status.to_string().c_str());
  return static_cast<int>(status.code());
}
