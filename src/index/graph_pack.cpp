#include "index/graph_pack.h"

#include <algorithm>
#include <cstring>

namespace pictor {
namespace {

constexpr std::size_t kNodesATask = 64;

class Packer {
 public:
  Packer(const GraphNodes& full, GraphCodes codes, const VectorBlock& block, ThreadPool* pool)
      : full_(view_graph(full.file, full.header)), block_(block), pool_(pool) {
    packed_.header = full.header;
    packed_.header.codes = codes;
    packed_.header.front = graph_front(block.dim, packed_.header.codes);
    packed_.file.resize(layout_of(packed_.header).file_bytes);
  }

  GraphNodes pack() {
    put(GraphSection::kCentre, full_.space.centre);
    put(GraphSection::kUpperLinks, full_.upper_link_table);
    put(GraphSection::kFirst, full_.first);
    put(GraphSection::kPositions, full_.positions);
    if (packed_.header.front < packed_.header.dim) {
      put(GraphSection::kReflections,
          std::span<const float>(
              reflections_to_front(main_directions(full_.space, block_, packed_.header.front, pool_), block_.dim)));
    }
    put_planes();
    put_links();
    return std::move(packed_);
  }

 private:
  template <typename T>
  std::span<T> section(GraphSection kind) {
    return graph_section<T>(packed_.file, packed_.header, kind);
  }

  template <typename T>
  void put(GraphSection kind, std::span<const T> content) {
    std::copy(content.begin(), content.end(), section<T>(kind).begin());
  }

  void put_planes() {
    const GraphView view = view_graph(packed_.file, packed_.header);
    const PlaneShape shape = packed_.header.planes();
    const auto front = section<std::uint8_t>(GraphSection::kCodes);
    const auto terms = section<CodeTerms>(GraphSection::kTerms);
    const auto rest = section<std::uint8_t>(GraphSection::kRest);
    const auto fine = section<std::uint8_t>(GraphSection::kFine);
    const auto rest_scales = section<float>(GraphSection::kRestScales);
    for_each_index(pool_, (terms.size() + kNodesATask - 1) / kNodesATask, [&](std::size_t task) {
      for (std::size_t node = task * kNodesATask; node < std::min(terms.size(), (task + 1) * kNodesATask); ++node) {
        const std::uint32_t position = full_.positions_of(static_cast<std::uint32_t>(node)).front();
        const float inverse_norm = packed_.header.metric == Metric::kCosine ? block_.inverse_norms[position] : 0.0F;
        const PlaneTerms found =
            view.planes->encode_row(block_.vectors + std::size_t{position} * block_.dim, inverse_norm,
                                    front.subspan(node * shape.front_bytes(), shape.front_bytes()),
                                    rest.subspan(node * shape.rest_bytes(), shape.rest_bytes()),
                                    fine.subspan(node * shape.fine_bytes(), shape.fine_bytes()));
        terms[node] = found.front;
        rest_scales[node] = found.rest_scale;
      }
    });
  }

  void put_links() {
    const GraphHeader& header = packed_.header;
    const auto out = section<std::uint8_t>(GraphSection::kLinks);
    if (header.link_bits() == 32) {
      std::copy(full_.link_table.begin(), full_.link_table.end(), out.begin());
      return;
    }
    const LinkSource links = full_.links(0);
    LinkBuffer buffer;
    for (std::uint32_t node = 0; node < header.nodes; ++node) {
      const auto list = out.subspan(node * header.link_bytes(), header.link_bytes());
      std::size_t bit = 0;
      for (const std::uint32_t link : links.of(node, buffer)) {
        for (std::uint32_t i = 0; i < header.link_bits(); ++i, ++bit) {
          if ((link >> i & 1U) != 0) list[bit / 8] |= static_cast<std::uint8_t>(1U << bit % 8);
        }
      }
    }
  }

  const GraphView full_;
  const VectorBlock& block_;
  ThreadPool* pool_;
  GraphNodes packed_;
};

}  // namespace

GraphNodes pack_graph(const GraphNodes& full, GraphCodes codes, const VectorBlock& block, ThreadPool* pool) {
  return Packer(full, codes, block, pool).pack();
}

}  // namespace pictor
