// An encoder as the hub has it, a folder of configurations and ONNX files, made one of ours: a card and plain files.
//
// Preprocessing, pooling, token limits and padding come from the folder's own files; the networks are looked at and run
// once, so that a card never says what its network does not do. What cannot be read whole is refused by name.
#pragma once

#include <string>
#include <vector>

#include "encode/card.h"

namespace pictor {

using ImportRequest = AddEncoderRequest;

struct ImportedFile {
  std::string from;  // path
  std::string name;  // in the encoder's folder
};

struct ImportedEncoder {
  CardDetails details;  // files with name, size and hash
  std::vector<ImportedFile> files;
  std::string rule;                // whose preprocessing it is
  std::vector<std::string> notes;  // what a person should know: "the network's numbers are class scores"
};

// Reads everything, writes nothing.
Result<ImportedEncoder> import_encoder(Env& env, const Runtime& runtime, const ImportRequest& request);

// Copies the files to ENCODERS_FOLDER/NAME/ and writes card.json there, whole or not at all. kExists: there is one of
// that name.
Status install_encoder(Env& env, const ImportedEncoder& encoder, const std::string& encoders_folder);

// Adds every file's size and hash to the card.
Status hash_files(Env& env, ImportedEncoder& encoder);
// The card's text, read back: a card that cannot be is our bug, and is found here rather than by whoever opens it.
Status settle_card(ImportedEncoder& encoder);
// Removes a folder of files; ok when there is none.
Status remove_files(Env& env, const std::string& folder);
// Removes a folder in which an encoder was made, and the folders of files in it. What cannot be removed stays under a
// name that list_cards passes over.
void remove_aside(Env& env, const std::string& folder);
// ... those of runs that were killed: nothing in them was made for a day. The next run of the same name would not wait.
void remove_leftovers(Env& env, const std::string& encoders_folder);

// "clip-vit-base-patch32" of "openai/CLIP ViT-Base (patch32)".
std::string encoder_name_of(std::string_view text);

}  // namespace pictor
