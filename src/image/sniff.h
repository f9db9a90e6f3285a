// Words for files that are no pictures.
#pragma once

#include <string>

#include "image/image.h"

namespace pictor {

// "the file is HTML, not a picture". REQUIRES: sniff_format(file) is kUnknown.
std::string describe_stranger(ByteView file);

}  // namespace pictor
