// JPEG through libjpeg-turbo: the accurate integer DCT and smooth upsampling, which is what Pillow's decode gives.
//
// libjpeg reports errors by longjmp: each `guarded` step holds nothing that needs a destructor.
#include <csetjmp>
#include <cstdio>  // jpeglib.h needs FILE
#include <cstring>

#include <jerror.h>
#include <jpeglib.h>

#include <algorithm>
#include <cstdlib>

#include "image/codec.h"
#include "image/jpeg_thin.h"
#include "image/words.h"

namespace pictor {
namespace {

constexpr JOCTET kEndMarker[2] = {0xFF, JPEG_EOI};
constexpr int kExifMarker = JPEG_APP0 + 1;
constexpr int kIccMarker = JPEG_APP0 + 2;

struct Decoder {
  jpeg_decompress_struct info = {};
  jpeg_error_mgr errors = {};
  jpeg_source_mgr source = {};
  jpeg_progress_mgr progress = {};
  std::vector<std::uint8_t> thinned;  // what is read instead of the file's scan
  std::jmp_buf jump;
  char failure[JMSG_LENGTH_MAX] = {};
  char damage[JMSG_LENGTH_MAX] = {};  // the first warning about the data
  bool ended = false;                 // the decoder asked for more bytes than the file has
  bool missing = false;               // and made up pixels
  std::uint32_t missing_row = 0;

  Decoder() = default;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() { jpeg_destroy_decompress(&info); }
};

Decoder& decoder_of(j_common_ptr info) { return *static_cast<Decoder*>(info->client_data); }

[[noreturn]] void fail(j_common_ptr info) {
  Decoder& decoder = decoder_of(info);
  (*info->err->format_message)(info, decoder.failure);
  std::longjmp(decoder.jump, 1);
}

void note(j_common_ptr info, int level) {
  if (level >= 0) return;
  Decoder& decoder = decoder_of(info);
  info->err->num_warnings++;
  if (decoder.ended) {
    if (info->err->msg_code != JWRN_JPEG_EOF && !decoder.missing) {
      decoder.missing = true;
      decoder.missing_row = decoder.info.output_scanline;
    }
  } else if (decoder.damage[0] == 0) {
    (*info->err->format_message)(info, decoder.damage);
  }
}

void ignore_message(j_common_ptr) {}
void ignore_source(j_decompress_ptr) {}

boolean fill_with_end(j_decompress_ptr info) {
  Decoder& decoder = *static_cast<Decoder*>(info->client_data);
  decoder.ended = true;
  decoder.source.next_input_byte = kEndMarker;
  decoder.source.bytes_in_buffer = sizeof(kEndMarker);
  return TRUE;
}

void skip_bytes(j_decompress_ptr info, long count) {
  if (count <= 0) return;
  jpeg_source_mgr& source = *info->src;
  if (static_cast<std::size_t>(count) > source.bytes_in_buffer) {
    fill_with_end(info);
    return;
  }
  source.next_input_byte += count;
  source.bytes_in_buffer -= static_cast<std::size_t>(count);
}

// A progressive file may repeat its passes without end: each costs time for the whole picture.
void limit_scans(j_common_ptr common) {
  const jpeg_decompress_struct& info = *reinterpret_cast<j_decompress_ptr>(common);
  const auto scans = static_cast<std::uint64_t>(std::max(info.input_scan_number, 0));
  const std::uint64_t pixels = std::uint64_t{info.image_width} * info.image_height;
  if (scans <= limits::kImageScansMax && scans * pixels <= limits::kImageScanPixelsMax) return;
  Decoder& decoder = decoder_of(common);
  std::snprintf(decoder.failure, sizeof(decoder.failure), "it has more than %d passes over %u x %u pixels",
                static_cast<int>(scans) - 1, info.image_width, info.image_height);
  std::longjmp(decoder.jump, 1);
}

template <typename Step>
bool guarded(Decoder& decoder, const Step& step) {
  if (setjmp(decoder.jump) != 0) return false;
  step();
  return true;
}

bool read_header(Decoder& decoder, ByteView file) {
  decoder.info.err = jpeg_std_error(&decoder.errors);
  decoder.errors.error_exit = fail;
  decoder.errors.emit_message = note;
  decoder.errors.output_message = ignore_message;
  decoder.info.client_data = &decoder;
  return guarded(decoder, [&] {
    jpeg_create_decompress(&decoder.info);
    decoder.source.init_source = ignore_source;
    decoder.source.fill_input_buffer = fill_with_end;
    decoder.source.skip_input_data = skip_bytes;
    decoder.source.resync_to_restart = jpeg_resync_to_restart;
    decoder.source.term_source = ignore_source;
    decoder.source.next_input_byte = as_u8(file);
    decoder.source.bytes_in_buffer = file.size();
    decoder.info.src = &decoder.source;
    decoder.progress.progress_monitor = limit_scans;
    decoder.info.progress = &decoder.progress;
    jpeg_save_markers(&decoder.info, kExifMarker, 0xFFFF);
    jpeg_save_markers(&decoder.info, kIccMarker, 0xFFFF);
    jpeg_read_header(&decoder.info, TRUE);
  });
}

std::uint32_t saved_orientation(const jpeg_decompress_struct& info) {
  for (const jpeg_saved_marker_ptr* next = &info.marker_list; *next != nullptr; next = &(*next)->next) {
    const jpeg_marker_struct& marker = **next;
    if (marker.marker != kExifMarker || marker.data_length < 6) continue;
    if (std::memcmp(marker.data, "Exif\0\0", 6) != 0) continue;
    return exif_orientation(std::as_bytes(std::span(marker.data, marker.data_length)));
  }
  return 1;
}

// Coefficients of all blocks, which several passes need at once.
std::uint64_t coefficient_bytes(Decoder& decoder) {
  jpeg_decompress_struct& info = decoder.info;
  if (!jpeg_has_multiple_scans(&info)) return 0;
  std::uint64_t blocks = 0;
  for (int i = 0; i < info.num_components; ++i) {
    const jpeg_component_info& part = info.comp_info[i];
    blocks += std::uint64_t{part.width_in_blocks + static_cast<unsigned>(part.h_samp_factor)} *
              (part.height_in_blocks + static_cast<unsigned>(part.v_samp_factor));
  }
  return blocks * sizeof(JBLOCK);
}

// The side, in stored pixels, of the part of the picture that `use` looks at.
double used_side(const jpeg_decompress_struct& info, const PrepareSpec* use) {
  const double side = std::min(info.image_width, info.image_height);
  return use != nullptr && use->fit == Fit::kCropThenResize ? side * use->crop_fraction : side;
}

void choose_scale(Decoder& decoder, const CodecRequest& request) {
  if (request.dct_min_side == 0) return;
  const double side = used_side(decoder.info, request.use);
  // The library's other scales cost as much as a full decode and move the pixels more.
  for (const unsigned eighths : {1U, 2U, 4U}) {
    if (side * eighths / 8 < request.dct_min_side) continue;
    decoder.info.scale_num = eighths;
    decoder.info.scale_denom = 8;
    return;
  }
}

// Leaves out what the chosen scale does not need.
bool thin_scan(Decoder& decoder) {
  if (decoder.info.scale_num != 1 || decoder.info.scale_denom != 8) return true;
  if (!guarded(decoder, [&] { jpeg_calc_output_dimensions(&decoder.info); })) return false;
  auto thinned = thin_jpeg_scan(decoder.info, {decoder.source.next_input_byte, decoder.source.bytes_in_buffer});
  if (!thinned.has_value()) return true;
  decoder.thinned = std::move(*thinned);
  decoder.source.next_input_byte = decoder.thinned.data();
  decoder.source.bytes_in_buffer = decoder.thinned.size();
  return true;
}

Status read_icc(Decoder& decoder, CodecPicture& picture) {
  JOCTET* data = nullptr;
  unsigned size = 0;
  bool found = false;
  if (!guarded(decoder, [&] { found = jpeg_read_icc_profile(&decoder.info, &data, &size) != 0; }) || !found) {
    return Status::ok();
  }
  Status fits = check_icc_bytes(ImageFormat::kJpeg, size);
  if (fits.is_ok()) {
    const auto* bytes = reinterpret_cast<const std::byte*>(data);
    picture.icc.assign(bytes, bytes + size);
    picture.info.has_icc = true;
  }
  std::free(data);  // libjpeg makes it with malloc
  return fits;
}

Status failure_of(const Decoder& decoder) {
  if (decoder.ended) return unreadable(ImageFormat::kJpeg, "the file ends early, before its first row");
  return unreadable(ImageFormat::kJpeg, std::string("it cannot be decoded (") + decoder.failure + ")");
}

Status read_rows(Decoder& decoder, CodecPicture& picture) {
  jpeg_decompress_struct& info = decoder.info;
  const std::size_t row_bytes = std::size_t{info.output_width} * picture.info.bands;
  std::uint8_t* pixels = picture.image.u8.data();
  const bool done = guarded(decoder, [&] {
    JSAMPROW rows[16];
    while (info.output_scanline < info.output_height) {
      const JDIMENSION wanted = std::min<JDIMENSION>(16, info.output_height - info.output_scanline);
      for (JDIMENSION i = 0; i < wanted; ++i) rows[i] = pixels + (info.output_scanline + i) * row_bytes;
      jpeg_read_scanlines(&info, rows, wanted);
    }
  });
  if (decoder.missing) return ends_early(ImageFormat::kJpeg, decoder.missing_row, info.output_height);
  // Of several passes one may be absent as a whole: every row is there, but coarser than it should be.
  if (decoder.ended && jpeg_has_multiple_scans(&info)) {
    return unreadable(ImageFormat::kJpeg, "the file ends early: the last of its passes are missing");
  }
  if (!done) return failure_of(decoder);
  return Status::ok();
}

Status set_info(Decoder& decoder, CodecPicture& picture) {
  const jpeg_decompress_struct& info = decoder.info;
  picture.info.width = info.image_width;
  picture.info.height = info.image_height;
  picture.info.bands = static_cast<std::uint32_t>(info.num_components);
  picture.info.bits = 8;
  picture.info.orientation = saved_orientation(info);
  if (info.num_components != 1 && info.num_components != 3 && info.num_components != 4) {
    return unreadable(ImageFormat::kJpeg,
                      "it has " + std::to_string(info.num_components) + " components; 1, 3 and 4 are read");
  }
  return check_header(picture.info);
}

}  // namespace

Result<CodecPicture> decode_jpeg(ByteView file, const CodecRequest& request) {
  Decoder decoder;
  CodecPicture picture;
  picture.info.format = ImageFormat::kJpeg;
  if (!read_header(decoder, file)) return failure_of(decoder);
  PICTOR_TRY(set_info(decoder, picture));
  PICTOR_TRY(read_icc(decoder, picture));
  if (request.header_only) return picture;

  jpeg_decompress_struct& info = decoder.info;
  picture.cmyk = info.num_components == 4;
  info.out_color_space = picture.cmyk ? JCS_CMYK : info.num_components == 3 ? JCS_RGB : JCS_GRAYSCALE;
  info.dct_method = JDCT_ISLOW;
  info.do_fancy_upsampling = TRUE;
  choose_scale(decoder, request);
  PICTOR_TRY(check_header(picture.info, coefficient_bytes(decoder)));
  if (request.thin_scan && !thin_scan(decoder)) return failure_of(decoder);
  if (!guarded(decoder, [&] { jpeg_start_decompress(&info); })) return failure_of(decoder);

  ImageInfo scaled = picture.info;
  scaled.width = info.output_width;
  scaled.height = info.output_height;
  allocate_image(scaled, picture.image);
  PICTOR_TRY(read_rows(decoder, picture));
  // Files store ink inverted, as Adobe does, and Pillow takes every file so.
  if (picture.cmyk) {
    for (std::uint8_t& ink : picture.image.u8) ink = static_cast<std::uint8_t>(255 - ink);
  }
  if (decoder.damage[0] != 0) picture.warnings.push_back(std::string("the data is damaged (") + decoder.damage + ")");
  return picture;
}

Result<Bytes> encode_jpeg(const Image& image, int quality) {
  if (image.bits != 8 || (image.bands != 1 && image.bands != 3) || image.width == 0 || image.height == 0 ||
      image.width > 65'500 || image.height > 65'500 || quality < 1 || quality > 100) {
    return Status{Code::kInvalid, "a JPEG is made of 8-bit grey or RGB at quality 1 to 100, this picture is " +
                                      words::size(image.width, image.height) + " with " + words::count(image.bands) +
                                      " bands of " + words::count(image.bits) + " bits"};
  }
  struct Encoder {
    jpeg_compress_struct info = {};
    jpeg_error_mgr errors = {};
    std::jmp_buf jump;
    unsigned char* data = nullptr;
    unsigned long size = 0;
    ~Encoder() {
      jpeg_destroy_compress(&info);
      std::free(data);
    }
  } encoder;
  encoder.info.err = jpeg_std_error(&encoder.errors);
  encoder.info.client_data = &encoder;
  encoder.errors.error_exit = [](j_common_ptr info) {
    std::longjmp(static_cast<Encoder*>(info->client_data)->jump, 1);
  };
  encoder.errors.output_message = ignore_message;
  if (setjmp(encoder.jump) != 0) return Status{Code::kInternal, "libjpeg could not make a JPEG"};
  jpeg_create_compress(&encoder.info);
  jpeg_mem_dest(&encoder.info, &encoder.data, &encoder.size);
  encoder.info.image_width = image.width;
  encoder.info.image_height = image.height;
  encoder.info.input_components = static_cast<int>(image.bands);
  encoder.info.in_color_space = image.bands == 3 ? JCS_RGB : JCS_GRAYSCALE;
  jpeg_set_defaults(&encoder.info);
  jpeg_set_quality(&encoder.info, quality, TRUE);
  jpeg_start_compress(&encoder.info, TRUE);
  while (encoder.info.next_scanline < image.height) {
    const std::size_t at = std::size_t{encoder.info.next_scanline} * image.width * image.bands;
    JSAMPROW row = const_cast<JSAMPROW>(image.u8.data() + at);  // libjpeg only reads it
    jpeg_write_scanlines(&encoder.info, &row, 1);
  }
  jpeg_finish_compress(&encoder.info);
  const auto* bytes = reinterpret_cast<const std::byte*>(encoder.data);
  return Bytes(bytes, bytes + encoder.size);
}

std::string jpeg_version() {
#define PICTOR_TEXT_INNER(x) #x
#define PICTOR_TEXT(x) PICTOR_TEXT_INNER(x)
  return "libjpeg-turbo " PICTOR_TEXT(LIBJPEG_TURBO_VERSION);
}

}  // namespace pictor
