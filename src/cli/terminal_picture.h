// Pictures between the lines of a terminal, by the protocols of kitty and iTerm2.
#pragma once

#include <string>

#include "cli/services.h"

namespace pictor {

// `rows` lines high; the cursor stands below it afterwards. Kitty takes PNG, iTerm2 any picture file.
std::string terminal_picture(PictureProtocol protocol, const Bytes& picture, int rows);
ThumbnailFormat wanted_format(PictureProtocol protocol);

}  // namespace pictor
