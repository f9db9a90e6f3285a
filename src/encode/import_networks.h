// The two networks of a hub folder: found, described, run once, and made towers and heads of a card. Internal to
// import.
#pragma once

#include <optional>
#include <string>

#include "encode/hub_config.h"
#include "encode/import.h"
#include "encode/tokenizer.h"

namespace pictor {

// Paths of what is there; empty: not there. Both may name one file.
struct HubNetworks {
  std::string image, text;
  std::string tokenizer;
};
// Throws ConfigProblem when there is no network for pictures.
HubNetworks find_networks(Env& env, const std::string& folder, const std::string& variant);

// The dynamic or static kind of integer arithmetic, half precision, or plain f32, by the operations of the file.
Precision precision_of(Env& env, const std::string& path);

// Adds the image tower and its output to the card. Returns the output that is its vector.
struct ImageChoice {
  std::string output;
  Pooling pooling = Pooling::kNone;
};
ImageChoice add_image_tower(const Runtime& runtime, const ImportRequest& request, const HubFiles& files,
                            const HubNetworks& networks, ImportedEncoder& out);

void add_text_tower(const Runtime& runtime, const HubFiles& files, const HubNetworks& networks,
                    const Tokenizer& tokenizer, ImportedEncoder& out);

// As `status`, thrown.
template <typename T>
T need(Result<T> result, const std::string& what) {
  if (!result.is_ok()) throw ConfigProblem{result.status().in(what)};
  return std::move(result).value();
}

}  // namespace pictor
