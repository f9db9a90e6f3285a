// TIFF through libtiff: the first page; strips and tiles, 1 to 16 bits, grey, RGB, palette, CMYK, YCbCr, Lab, alpha,
// many bands. Floating point, signed and 32-bit samples are refused: nobody says which of their values is white.
#include <tiffio.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>

#include "image/codec.h"
#include "image/words.h"

namespace pictor {
namespace {

// Reading one strip or tile has a price of its own, however small it is.
constexpr std::uint32_t kChunksMax = 1'000'000;

struct Source {
  ByteView bytes;
  std::uint64_t at = 0;
  std::array<char, 200> failure = {};
};

tmsize_t read_bytes(thandle_t handle, void* out, tmsize_t count) {
  Source& source = *static_cast<Source*>(handle);
  if (source.at >= source.bytes.size() || count <= 0) return 0;
  const std::size_t given = std::min<std::size_t>(static_cast<std::size_t>(count), source.bytes.size() - source.at);
  std::memcpy(out, source.bytes.data() + source.at, given);
  source.at += given;
  return static_cast<tmsize_t>(given);
}

tmsize_t write_bytes(thandle_t, void*, tmsize_t) { return 0; }

toff_t seek(thandle_t handle, toff_t offset, int whence) {
  Source& source = *static_cast<Source*>(handle);
  source.at = offset + (whence == SEEK_CUR ? source.at : whence == SEEK_END ? source.bytes.size() : 0);
  return source.at;
}

int close(thandle_t) { return 0; }
toff_t size(thandle_t handle) { return static_cast<Source*>(handle)->bytes.size(); }
int no_map(thandle_t, void**, toff_t*) { return 0; }
void no_unmap(thandle_t, void*, toff_t) {}

int keep_error(TIFF*, void* data, const char*, const char* format, va_list values) {
  Source& source = *static_cast<Source*>(data);
  if (source.failure[0] == 0) std::vsnprintf(source.failure.data(), source.failure.size(), format, values);
  return 1;
}
int ignore_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

struct CloseTiff {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};
using Tiff = std::unique_ptr<TIFF, CloseTiff>;

Tiff open(Source& source) {
  TIFFOpenOptions* options = TIFFOpenOptionsAlloc();
  if (options == nullptr) return nullptr;
  TIFFOpenOptionsSetErrorHandlerExtR(options, keep_error, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(options, ignore_warning, nullptr);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options, static_cast<tmsize_t>(limits::kImageDecodedBytesMax));
  TIFF* tiff = TIFFClientOpenExt("picture", "rm", &source, read_bytes, write_bytes, seek, close, size, no_map, no_unmap,
                                 options);
  TIFFOpenOptionsFree(options);
  return Tiff(tiff);
}

struct Layout {
  std::uint16_t samples = 1;  // stored bands
  std::uint16_t bits = 1;     // 1, 2, 4, 8 or 16
  std::uint16_t photometric = PHOTOMETRIC_MINISBLACK;
  bool planes = false;      // each band stored apart
  bool by_library = false;  // libtiff turns it into RGBA
  bool alpha = false;       // the last kept band is alpha
  bool premultiplied = false;
};

Status bad(const std::string& cause) { return unreadable(ImageFormat::kTiff, cause); }

std::string why(const Source& source) {
  return source.failure[0] != 0 ? std::string(" (") + source.failure.data() + ")" : std::string();
}

template <typename T>
T field(TIFF* tiff, std::uint32_t tag, T fallback) {
  T value = fallback;
  return TIFFGetFieldDefaulted(tiff, tag, &value) == 1 ? value : fallback;
}

Status check_samples(TIFF* tiff, const Layout& layout) {
  const auto format = field<std::uint16_t>(tiff, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT);
  const bool counted = format == SAMPLEFORMAT_UINT || format == SAMPLEFORMAT_VOID;
  if (!counted) {
    return bad("its samples are " + std::string(format == SAMPLEFORMAT_IEEEFP ? "floating-point" : "signed") +
               " numbers, of which no value is agreed to be white; save it with 8 or 16 bits a band");
  }
  constexpr std::array<int, 5> depths = {1, 2, 4, 8, 16};
  if (std::find(depths.begin(), depths.end(), layout.bits) == depths.end()) {
    return bad("it has " + words::count(layout.bits) + " bits a band; 1, 2, 4, 8 and 16 are read");
  }
  return Status::ok();
}

// How many of the stored bands the picture keeps, and whether the last of them is alpha.
Result<std::uint32_t> kept_bands(TIFF* tiff, Layout& layout) {
  std::uint16_t extras = 0;
  std::uint16_t* kinds = nullptr;
  if (TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &extras, &kinds) != 1 || kinds == nullptr) extras = 0;
  const bool alpha = extras > 0 && (kinds[0] == EXTRASAMPLE_ASSOCALPHA || kinds[0] == EXTRASAMPLE_UNASSALPHA);
  std::uint32_t colours = 0;
  switch (layout.photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK:
      // Five and more bands without a word on which is which: all are kept.
      if (layout.samples > 4) return std::uint32_t{layout.samples};
      colours = 1;
      break;
    case PHOTOMETRIC_RGB: colours = 3; break;
    case PHOTOMETRIC_PALETTE: colours = 1; break;
    case PHOTOMETRIC_SEPARATED: colours = 4; break;
    default: return bad("its colours (photometric " + words::count(layout.photometric) + ") are of a kind not read");
  }
  if (layout.samples < colours) {
    return bad("it has " + words::count(layout.samples) + " bands, its colours need " + words::count(colours));
  }
  if (layout.photometric == PHOTOMETRIC_PALETTE) return std::uint32_t{3};
  layout.alpha = alpha && colours != 4 && layout.samples > colours;
  layout.premultiplied = layout.alpha && kinds[0] == EXTRASAMPLE_ASSOCALPHA;
  return colours + (layout.alpha ? 1 : 0);
}

Status read_layout(TIFF* tiff, Layout& layout, ImageInfo& info) {
  info.width = field<std::uint32_t>(tiff, TIFFTAG_IMAGEWIDTH, 0);
  info.height = field<std::uint32_t>(tiff, TIFFTAG_IMAGELENGTH, 0);
  layout.samples = field<std::uint16_t>(tiff, TIFFTAG_SAMPLESPERPIXEL, 1);
  layout.bits = field<std::uint16_t>(tiff, TIFFTAG_BITSPERSAMPLE, 1);
  layout.planes = field<std::uint16_t>(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) == PLANARCONFIG_SEPARATE;
  if (TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &layout.photometric) != 1) layout.photometric = PHOTOMETRIC_MINISBLACK;
  const auto orientation = field<std::uint16_t>(tiff, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
  info.orientation = orientation >= 1 && orientation <= 8 ? orientation : 1;
  info.bits = 8;
  const auto compression = field<std::uint16_t>(tiff, TIFFTAG_COMPRESSION, COMPRESSION_NONE);
  if (layout.photometric == PHOTOMETRIC_YCBCR && compression == COMPRESSION_JPEG && !layout.planes) {
    TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    layout.photometric = PHOTOMETRIC_RGB;
  }
  if (layout.photometric == PHOTOMETRIC_YCBCR || layout.photometric == PHOTOMETRIC_CIELAB) {
    layout.by_library = true;
    info.bands = 3;
    return check_header(info, std::uint64_t{info.width} * info.height * 4);
  }
  PICTOR_TRY(check_samples(tiff, layout));
  PICTOR_ASSIGN(info.bands, kept_bands(tiff, layout));
  info.bits = layout.bits == 16 ? 16 : 8;
  ImageInfo stored = info;  // what is held while the samples are read
  stored.bands = layout.samples;
  PICTOR_TRY(check_header(stored));
  return check_header(info);
}

// Takes `count` samples of 1 to 16 bits from a packed row and writes every `step`-th number of out.
void unpack(const std::uint8_t* row, std::uint32_t bits, std::size_t count, std::size_t step, std::uint8_t* out) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = i * bits;
    out[i * step] =
        bits == 8 ? row[i] : static_cast<std::uint8_t>(row[at / 8] >> (8 - bits - at % 8) & ((1 << bits) - 1));
  }
}

void unpack(const std::uint8_t* row, std::uint32_t, std::size_t count, std::size_t step, std::uint16_t* out) {
  for (std::size_t i = 0; i < count; ++i) std::memcpy(&out[i * step], row + 2 * i, 2);
}

// Strips are tiles as wide as the picture.
struct Chunks {
  bool tiled = false;
  std::uint32_t width = 0, height = 0;
  std::size_t bytes = 0, row_bytes = 0;
};

Result<Chunks> find_chunks(TIFF* tiff, const ImageInfo& info, const Source& source) {
  Chunks chunks;
  chunks.tiled = TIFFIsTiled(tiff) != 0;
  std::uint32_t count = 0;
  if (chunks.tiled) {
    chunks.width = field<std::uint32_t>(tiff, TIFFTAG_TILEWIDTH, 0);
    chunks.height = field<std::uint32_t>(tiff, TIFFTAG_TILELENGTH, 0);
    chunks.bytes = static_cast<std::size_t>(TIFFTileSize64(tiff));
    chunks.row_bytes = static_cast<std::size_t>(TIFFTileRowSize64(tiff));
    count = TIFFNumberOfTiles(tiff);
  } else {
    chunks.width = info.width;
    chunks.height = std::min(field<std::uint32_t>(tiff, TIFFTAG_ROWSPERSTRIP, info.height), info.height);
    chunks.bytes = static_cast<std::size_t>(TIFFStripSize64(tiff));
    chunks.row_bytes = static_cast<std::size_t>(TIFFScanlineSize64(tiff));
    count = TIFFNumberOfStrips(tiff);
  }
  if (chunks.width == 0 || chunks.height == 0 || chunks.bytes == 0 || chunks.row_bytes == 0 || count == 0) {
    return bad("the header is damaged: its strips or tiles have no size" + why(source));
  }
  if (chunks.bytes > limits::kImageDecodedBytesMax || count > kChunksMax) {
    return Status{Code::kLimit, "TIFF: it is made of " + words::count(count) + " strips or tiles of " +
                                    words::count(chunks.bytes) + " bytes; at most " + words::count(kChunksMax) +
                                    " of " + words::count(limits::kImageDecodedBytesMax) + " bytes are read"};
  }
  return chunks;
}

template <typename T>
Status read_chunks(TIFF* tiff, const Source& source, const Layout& layout, const ImageInfo& info,
                   std::vector<T>& samples) {
  PICTOR_ASSIGN(const Chunks chunks, find_chunks(tiff, info, source));
  const std::size_t packed = layout.planes ? 1 : layout.samples;
  if (chunks.row_bytes < (std::size_t{chunks.width} * packed * layout.bits + 7) / 8) {
    return bad("the header is damaged: its rows are too short" + why(source));
  }
  std::vector<std::uint8_t> buffer(chunks.bytes);
  const std::uint16_t planes = layout.planes ? layout.samples : std::uint16_t{1};
  for (std::uint16_t plane = 0; plane < planes; ++plane) {
    for (std::uint32_t y = 0; y < info.height; y += chunks.height) {
      for (std::uint32_t x = 0; x < info.width; x += chunks.width) {
        const auto size = static_cast<tmsize_t>(buffer.size());
        const std::uint32_t rows = std::min(chunks.height, info.height - y);
        const tmsize_t got = chunks.tiled
                                 ? TIFFReadEncodedTile(tiff, TIFFComputeTile(tiff, x, y, 0, plane), buffer.data(), size)
                                 : TIFFReadEncodedStrip(tiff, TIFFComputeStrip(tiff, y, plane), buffer.data(), size);
        if (got < 0 || static_cast<std::size_t>(got) < rows * chunks.row_bytes) {
          return bad("the data is damaged or ends early: " + words::count(y) + " of " + words::count(info.height) +
                     " rows could be read" + why(source));
        }
        const std::size_t columns = std::min(chunks.width, info.width - x);
        for (std::uint32_t r = 0; r < rows; ++r) {
          T* out = &samples[(std::size_t{y + r} * info.width + x) * layout.samples + plane];
          unpack(&buffer[r * chunks.row_bytes], layout.bits, columns * packed, layout.planes ? layout.samples : 1, out);
        }
      }
    }
  }
  return Status::ok();
}

Status colour_palette(TIFF* tiff, const Layout& layout, const ImageInfo& info, const std::vector<std::uint8_t>& samples,
                      Image& image) {
  std::uint16_t *red = nullptr, *green = nullptr, *blue = nullptr;
  if (TIFFGetField(tiff, TIFFTAG_COLORMAP, &red, &green, &blue) != 1) return bad("its palette is missing");
  const std::size_t colours = std::size_t{1} << layout.bits;
  std::uint16_t most = 0;
  for (std::size_t i = 0; i < colours; ++i) most = std::max({most, red[i], green[i], blue[i]});
  const int shift = most < 256 ? 0 : 8;  // some writers store 8 bits where the format has 16
  for (std::size_t i = 0; i < std::size_t{info.width} * info.height; ++i) {
    const std::uint8_t index = samples[i * layout.samples];
    image.u8[i * 3] = static_cast<std::uint8_t>(red[index] >> shift);
    image.u8[i * 3 + 1] = static_cast<std::uint8_t>(green[index] >> shift);
    image.u8[i * 3 + 2] = static_cast<std::uint8_t>(blue[index] >> shift);
  }
  return Status::ok();
}

// Drops the bands that are not kept, spreads few bits over the whole range, turns white-is-zero round.
template <typename T>
void settle(const Layout& layout, std::uint32_t bands, const std::vector<T>& samples, std::vector<T>& out) {
  const T most = static_cast<T>(~T{0});
  const T stretch = sizeof(T) == 2 ? T{1} : static_cast<T>(255 / ((1 << layout.bits) - 1));
  const std::size_t pixels = samples.size() / layout.samples;
  for (std::size_t i = 0; i < pixels; ++i) {
    for (std::uint32_t b = 0; b < bands; ++b) {
      const T value = static_cast<T>(samples[i * layout.samples + b] * stretch);
      const bool is_alpha = layout.alpha && b + 1 == bands;
      out[i * bands + b] =
          layout.photometric == PHOTOMETRIC_MINISWHITE && !is_alpha ? static_cast<T>(most - value) : value;
    }
    if (!layout.premultiplied) continue;
    T* pixel = &out[i * bands];
    const std::uint32_t alpha = pixel[bands - 1];
    for (std::uint32_t b = 0; b + 1 < bands; ++b) {
      const std::uint64_t whole = alpha == 0 ? 0 : std::uint64_t{pixel[b]} * most / alpha;
      pixel[b] = static_cast<T>(std::min<std::uint64_t>(whole, most));
    }
  }
}

Status read_by_library(TIFF* tiff, const Source& source, const ImageInfo& info, Image& image) {
  std::array<char, 1024> text = {};
  if (TIFFRGBAImageOK(tiff, text.data()) == 0)
    return bad("it is of a kind not read (" + std::string(text.data()) + ")");
  std::vector<std::uint32_t> raster(std::size_t{info.width} * info.height);
  // Asked for the orientation that is stored, libtiff leaves the rows as they are.
  if (TIFFReadRGBAImageOriented(tiff, info.width, info.height, raster.data(), static_cast<int>(info.orientation), 1) ==
      0) {
    return bad("the data is damaged or ends early" + why(source));
  }
  allocate_image(info, image);
  for (std::size_t i = 0; i < raster.size(); ++i) {
    image.u8[i * 3] = static_cast<std::uint8_t>(TIFFGetR(raster[i]));
    image.u8[i * 3 + 1] = static_cast<std::uint8_t>(TIFFGetG(raster[i]));
    image.u8[i * 3 + 2] = static_cast<std::uint8_t>(TIFFGetB(raster[i]));
  }
  return Status::ok();
}

Status read_pixels(TIFF* tiff, const Source& source, const Layout& layout, CodecPicture& picture) {
  const ImageInfo& info = picture.info;
  Image& image = picture.image;
  if (layout.by_library) return read_by_library(tiff, source, info, image);
  const std::size_t numbers = std::size_t{info.width} * info.height * layout.samples;
  if (info.bits == 16) {
    if (layout.photometric == PHOTOMETRIC_PALETTE) return bad("a palette of 16 bits is not read");
    std::vector<std::uint16_t> samples(numbers);
    PICTOR_TRY(read_chunks(tiff, source, layout, info, samples));
    allocate_image(info, image);
    settle(layout, info.bands, samples, image.u16);
    return Status::ok();
  }
  std::vector<std::uint8_t> samples(numbers);
  PICTOR_TRY(read_chunks(tiff, source, layout, info, samples));
  allocate_image(info, image);
  if (layout.photometric == PHOTOMETRIC_PALETTE) return colour_palette(tiff, layout, info, samples, image);
  settle(layout, info.bands, samples, image.u8);
  return Status::ok();
}

}  // namespace

Result<CodecPicture> decode_tiff(ByteView file, const CodecRequest& request) {
  Source source = {file, 0, {}};
  CodecPicture picture;
  picture.info.format = ImageFormat::kTiff;
  const Tiff tiff = open(source);
  if (tiff == nullptr) return bad("its directory of tags cannot be read" + why(source));
  Layout layout;
  PICTOR_TRY(read_layout(tiff.get(), layout, picture.info));
  std::uint32_t icc_bytes = 0;
  void* icc = nullptr;
  if (TIFFGetField(tiff.get(), TIFFTAG_ICCPROFILE, &icc_bytes, &icc) == 1 && icc != nullptr) {
    PICTOR_TRY(check_icc_bytes(ImageFormat::kTiff, icc_bytes));
    const auto* bytes = static_cast<const std::byte*>(icc);
    picture.icc.assign(bytes, bytes + icc_bytes);
    picture.info.has_icc = true;
  }
  if (request.header_only) return picture;
  PICTOR_TRY(read_pixels(tiff.get(), source, layout, picture));
  picture.cmyk = layout.photometric == PHOTOMETRIC_SEPARATED;
  return picture;
}

std::string tiff_version() {
  const std::string_view text = TIFFGetVersion();
  const std::size_t from = text.find("Version ");
  const std::string_view rest = from == std::string_view::npos ? text : text.substr(from + 8);
  return "libtiff " + std::string(rest.substr(0, rest.find('\n')));
}

}  // namespace pictor
