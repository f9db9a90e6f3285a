// How a parser of encode stops in the middle: caught by whoever began the parse, never thrown past it.
#pragma once

#include "base/base.h"

namespace pictor {

struct Refused {
  Status status;
};

}  // namespace pictor
