// The weight files of an encoder: are they there, are they what the card says?
#pragma once

#include <string>

#include "encode/encode.h"

namespace pictor {

// Every file of the card is there with its size; with `hashes` also with its SHA-256. A file that was found right
// before and has the same size and time of change is not read again, unless `again`. kNotFound: a file is missing.
// kCorrupt: it is not what the card says. Both say which command mends it.
Status check_weights(Env& env, const EncoderCard& card, const std::string& folder, bool hashes, bool again);

// The bytes of one file, checked for size only.
Result<Bytes> read_weights(Env& env, const CardFile& file, const std::string& folder);

}  // namespace pictor
