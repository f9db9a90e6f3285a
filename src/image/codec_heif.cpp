// HEIC and other HEIF through libheif: the primary picture; the container's rotation and mirroring are applied here.
#include <cctype>

#include <libheif/heif.h>

#include <memory>

#include "image/codec.h"
#include "image/words.h"

namespace pictor {
namespace {

// Adds a destructor to a libheif handle.
template <auto release>
struct Release {
  template <typename T>
  void operator()(T* handle) const {
    release(handle);
  }
};
using Context = std::unique_ptr<heif_context, Release<heif_context_free>>;
using Handle = std::unique_ptr<heif_image_handle, Release<heif_image_handle_release>>;
using Pixels = std::unique_ptr<heif_image, Release<heif_image_release>>;
using Options = std::unique_ptr<heif_decoding_options, Release<heif_decoding_options_free>>;

Status failure(const heif_error& error) {
  std::string cause = error.message != nullptr ? error.message : "unknown";
  while (!cause.empty() && std::isspace(static_cast<unsigned char>(cause.back())) != 0) cause.pop_back();
  return unreadable(ImageFormat::kHeic, "it cannot be decoded (" + cause + ")");
}

Status read_icc(const Handle& handle, CodecPicture& picture) {
  const heif_color_profile_type kind = heif_image_handle_get_color_profile_type(handle.get());
  if (kind != heif_color_profile_type_rICC && kind != heif_color_profile_type_prof) return Status::ok();
  const std::size_t size = heif_image_handle_get_raw_color_profile_size(handle.get());
  PICTOR_TRY(check_icc_bytes(ImageFormat::kHeic, size));
  picture.icc.resize(size);
  picture.info.has_icc = size > 0;
  const heif_error error = heif_image_handle_get_raw_color_profile(handle.get(), picture.icc.data());
  return error.code == heif_error_Ok ? Status::ok() : failure(error);
}

heif_chroma chroma_of(const ImageInfo& info) {
  if (info.bits == 16) return info.bands == 4 ? heif_chroma_interleaved_RRGGBBAA_LE : heif_chroma_interleaved_RRGGBB_LE;
  return info.bands == 4 ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB;
}

Status copy_rows(const heif_image* pixels, ImageInfo& info, Image& image) {
  const int width = heif_image_get_width(pixels, heif_channel_interleaved);
  const int height = heif_image_get_height(pixels, heif_channel_interleaved);
  int stride = 0;
  const std::uint8_t* data = heif_image_get_plane_readonly(pixels, heif_channel_interleaved, &stride);
  if (data == nullptr || width <= 0 || height <= 0 || stride <= 0) {
    return unreadable(ImageFormat::kHeic, "the decoder gave no pixels");
  }
  // The coded picture may disagree with the container's header.
  info.width = static_cast<std::uint32_t>(width);
  info.height = static_cast<std::uint32_t>(height);
  PICTOR_TRY(check_header(info));
  const std::size_t numbers = std::size_t{info.width} * info.bands;
  if (static_cast<std::size_t>(stride) < numbers * (info.bits / 8)) {
    return unreadable(ImageFormat::kHeic, "the decoder gave rows that are too short");
  }
  allocate_image(info, image);
  const int depth = heif_image_get_bits_per_pixel_range(pixels, heif_channel_interleaved);
  const std::uint32_t most = (1u << (depth > 8 && depth <= 16 ? depth : 16)) - 1;
  for (std::uint32_t y = 0; y < info.height; ++y) {
    const std::uint8_t* row = data + y * static_cast<std::size_t>(stride);
    if (info.bits == 8) {
      std::copy(row, row + numbers, &image.u8[y * numbers]);
      continue;
    }
    for (std::size_t i = 0; i < numbers; ++i) {
      const std::uint32_t value = row[2 * i] | std::uint32_t{row[2 * i + 1]} << 8;
      image.u16[y * numbers + i] = static_cast<std::uint16_t>((std::min(value, most) * 65535u + most / 2) / most);
    }
  }
  return Status::ok();
}

}  // namespace

Result<CodecPicture> decode_heif(ByteView file, const CodecRequest& request) {
  CodecPicture picture;
  ImageInfo& info = picture.info;
  info.format = ImageFormat::kHeic;
  const Context context(heif_context_alloc());
  if (context == nullptr) return Status{Code::kInternal, "libheif could not be started"};
  heif_context_set_maximum_image_size_limit(context.get(), static_cast<int>(limits::kImageSideMax));
  heif_context_set_max_decoding_threads(context.get(), 0);
  heif_error error = heif_context_read_from_memory_without_copy(context.get(), file.data(), file.size(), nullptr);
  if (error.code != heif_error_Ok) return failure(error);
  heif_image_handle* found = nullptr;
  error = heif_context_get_primary_image_handle(context.get(), &found);
  const Handle handle(found);
  if (error.code != heif_error_Ok) return failure(error);

  info.width = static_cast<std::uint32_t>(std::max(heif_image_handle_get_width(handle.get()), 0));
  info.height = static_cast<std::uint32_t>(std::max(heif_image_handle_get_height(handle.get()), 0));
  info.bands = heif_image_handle_has_alpha_channel(handle.get()) != 0 ? 4 : 3;
  info.bits = heif_image_handle_get_luma_bits_per_pixel(handle.get()) > 8 ? 16 : 8;
  info.frames = static_cast<std::uint32_t>(std::max(heif_context_get_number_of_top_level_images(context.get()), 1));
  // libheif holds its own planes beside the interleaved ones.
  PICTOR_TRY(check_header(info, std::uint64_t{info.width} * info.height * info.bands * (info.bits / 8)));
  PICTOR_TRY(read_icc(handle, picture));
  if (request.header_only) return picture;

  const Options options(heif_decoding_options_alloc());
  if (options == nullptr) return Status{Code::kInternal, "libheif could not be started"};
  options->ignore_transformations = request.transform ? 0 : 1;
  heif_image* decoded = nullptr;
  error = heif_decode_image(handle.get(), &decoded, heif_colorspace_RGB, chroma_of(info), options.get());
  const Pixels pixels(decoded);
  if (error.code != heif_error_Ok) return failure(error);
  PICTOR_TRY(copy_rows(pixels.get(), info, picture.image));
  return picture;
}

std::string heif_version() { return std::string("libheif ") + heif_get_version(); }

}  // namespace pictor
