// GIF through giflib: the first frame on its canvas; what the frame leaves open is transparent.
#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "image/codec.h"

namespace pictor {
namespace {

struct Source {
  ByteView bytes;
  std::size_t at = 0;
};

int read_bytes(GifFileType* gif, GifByteType* out, int count) {
  Source& source = *static_cast<Source*>(gif->UserData);
  const std::size_t given =
      std::min<std::size_t>(static_cast<std::size_t>(std::max(count, 0)), source.bytes.size() - source.at);
  if (given > 0) std::memcpy(out, source.bytes.data() + source.at, given);
  source.at += given;
  return static_cast<int>(given);
}

struct CloseGif {
  void operator()(GifFileType* gif) const { DGifCloseFile(gif, nullptr); }
};
using Gif = std::unique_ptr<GifFileType, CloseGif>;

Status failure(int error) {
  if (error == D_GIF_ERR_READ_FAILED || error == D_GIF_ERR_EOF_TOO_SOON) {
    return unreadable(ImageFormat::kGif, "the file ends early, before its first picture");
  }
  const char* text = GifErrorString(error);
  return unreadable(ImageFormat::kGif,
                    std::string("the data is damaged (") + (text != nullptr ? text : "unknown") + ")");
}

// Walks to the first picture; remembers which colour is transparent (-1 for none).
Status find_picture(GifFileType& gif, int& transparent) {
  for (;;) {
    GifRecordType record = UNDEFINED_RECORD_TYPE;
    if (DGifGetRecordType(&gif, &record) == GIF_ERROR) return failure(gif.Error);
    if (record == TERMINATE_RECORD_TYPE) return unreadable(ImageFormat::kGif, "it holds no picture");
    if (record == IMAGE_DESC_RECORD_TYPE) {
      return DGifGetImageDesc(&gif) == GIF_ERROR ? failure(gif.Error) : Status::ok();
    }
    if (record != EXTENSION_RECORD_TYPE) continue;
    int code = 0;
    GifByteType* block = nullptr;
    if (DGifGetExtension(&gif, &code, &block) == GIF_ERROR) return failure(gif.Error);
    if (code == GRAPHICS_EXT_FUNC_CODE && block != nullptr && block[0] >= 4) {
      transparent = (block[1] & 1) != 0 ? block[4] : -1;
    }
    while (block != nullptr) {
      if (DGifGetExtensionNext(&gif, &block) == GIF_ERROR) return failure(gif.Error);
    }
  }
}

struct Placement {
  std::uint32_t left, top, width, height;
  bool covers;
};

using Palette = std::array<std::array<std::uint8_t, 4>, 256>;

// Colours the file does not name are a grey ramp, as Pillow has them.
Palette make_palette(const ColorMapObject* colours, int transparent) {
  Palette palette;
  for (std::size_t i = 0; i < palette.size(); ++i) {
    const auto grey = static_cast<std::uint8_t>(i);
    palette[i] = {grey, grey, grey, 255};
    if (colours != nullptr && static_cast<int>(i) < colours->ColorCount) {
      const GifColorType& colour = colours->Colors[i];
      palette[i] = {colour.Red, colour.Green, colour.Blue, 255};
    }
  }
  if (transparent >= 0 && transparent < 256) palette[static_cast<std::size_t>(transparent)][3] = 0;
  return palette;
}

Status read_rows(GifFileType& gif, const Placement& place, const Palette& palette, Image& image) {
  constexpr std::array<std::uint32_t, 4> starts = {0, 4, 2, 1}, steps = {8, 8, 4, 2};
  const bool interlaced = gif.Image.Interlace;
  std::vector<GifPixelType> row(place.width);
  std::uint32_t done = 0;
  for (std::size_t pass = 0; pass < (interlaced ? starts.size() : 1); ++pass) {
    const std::uint32_t start = interlaced ? starts[pass] : 0, step = interlaced ? steps[pass] : 1;
    for (std::uint32_t y = start; y < place.height; y += step, ++done) {
      if (DGifGetLine(&gif, row.data(), static_cast<int>(place.width)) == GIF_ERROR) {
        const bool ended = gif.Error == D_GIF_ERR_READ_FAILED || gif.Error == D_GIF_ERR_EOF_TOO_SOON;
        return ended ? ends_early(ImageFormat::kGif, done, place.height) : failure(gif.Error);
      }
      std::uint8_t* out = &image.u8[(std::size_t{place.top + y} * image.width + place.left) * image.bands];
      for (const GifPixelType index : row) {
        std::memcpy(out, palette[index].data(), image.bands);
        out += image.bands;
      }
    }
  }
  return Status::ok();
}

Status set_info(const GifFileType& gif, int transparent, ImageInfo& info, Placement& place) {
  const GifImageDesc& frame = gif.Image;
  if (frame.Left < 0 || frame.Top < 0 || frame.Width <= 0 || frame.Height <= 0) {
    return unreadable(ImageFormat::kGif, "its first picture is empty");
  }
  place = {static_cast<std::uint32_t>(frame.Left), static_cast<std::uint32_t>(frame.Top),
           static_cast<std::uint32_t>(frame.Width), static_cast<std::uint32_t>(frame.Height), false};
  // A frame that hangs over the canvas makes the canvas larger, as browsers and Pillow have it.
  info.width = std::max(static_cast<std::uint32_t>(std::max(gif.SWidth, 0)), place.left + place.width);
  info.height = std::max(static_cast<std::uint32_t>(std::max(gif.SHeight, 0)), place.top + place.height);
  info.bits = 8;
  place.covers = place.width == info.width && place.height == info.height;
  info.bands = transparent < 0 && place.covers ? 3 : 4;
  return check_header(info);
}

}  // namespace

Result<CodecPicture> decode_gif(ByteView file, const CodecRequest& request) {
  CodecPicture picture;
  picture.info.format = ImageFormat::kGif;
  Source source = {file};
  int error = 0;
  const Gif gif(DGifOpen(&source, read_bytes, &error));
  if (gif == nullptr) return failure(error);
  int transparent = -1;
  PICTOR_TRY(find_picture(*gif, transparent));
  Placement place = {};
  PICTOR_TRY(set_info(*gif, transparent, picture.info, place));
  if (request.header_only) return picture;

  const ColorMapObject* colours = gif->Image.ColorMap != nullptr ? gif->Image.ColorMap : gif->SColorMap;
  const Palette palette = make_palette(colours, transparent);
  allocate_image(picture.info, picture.image);
  if (!place.covers) {
    std::array<std::uint8_t, 4> open = palette[static_cast<std::size_t>(std::max(transparent, 0))];
    open[3] = 0;
    for (std::size_t at = 0; at < picture.image.u8.size(); at += 4) std::memcpy(&picture.image.u8[at], open.data(), 4);
  }
  PICTOR_TRY(read_rows(*gif, place, palette, picture.image));
  return picture;
}

std::string gif_version() {
  return "giflib " + std::to_string(GIFLIB_MAJOR) + "." + std::to_string(GIFLIB_MINOR) + "." +
         std::to_string(GIFLIB_RELEASE);
}

}  // namespace pictor
