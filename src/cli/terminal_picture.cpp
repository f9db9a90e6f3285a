#include "cli/terminal_picture.h"

#include <algorithm>

#include "cli/text.h"

namespace pictor {
namespace {

constexpr std::size_t kKittyChunk = 4096;  // the protocol's own limit of one escape sequence

std::string kitty(const std::string& encoded, int rows) {
  std::string out;
  for (std::size_t at = 0; at < encoded.size(); at += kKittyChunk) {
    const bool more = at + kKittyChunk < encoded.size();
    out += "\x1b_G";
    if (at == 0) out += "a=T,f=100,q=2,r=" + std::to_string(rows) + ",";
    out += std::string("m=") + (more ? "1" : "0") + ";" + encoded.substr(at, kKittyChunk) + "\x1b\\";
  }
  return out + "\n";
}

}  // namespace

ThumbnailFormat wanted_format(PictureProtocol protocol) {
  return protocol == PictureProtocol::kKitty ? ThumbnailFormat::kPng : ThumbnailFormat::kJpeg;
}

std::string terminal_picture(PictureProtocol protocol, const Bytes& picture, int rows) {
  const std::string encoded = base64_of(picture);
  switch (protocol) {
    case PictureProtocol::kKitty: return kitty(encoded, rows);
    case PictureProtocol::kIterm:
      return "\x1b]1337;File=inline=1;size=" + std::to_string(picture.size()) + ";height=" + std::to_string(rows) +
             ";preserveAspectRatio=1:" + encoded + "\x07\n";
    case PictureProtocol::kNone: break;
  }
  return "";
}

}  // namespace pictor
