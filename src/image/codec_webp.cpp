// WebP through libwebp: still pictures, and the first frame of an animation on its canvas.
#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>

#include "image/codec.h"

namespace pictor {
namespace {

struct DeleteDemuxer {
  void operator()(WebPDemuxer* demuxer) const { WebPDemuxDelete(demuxer); }
};
using Demuxer = std::unique_ptr<WebPDemuxer, DeleteDemuxer>;

class Frame {
 public:
  explicit Frame(const Demuxer& demuxer) : found_(WebPDemuxGetFrame(demuxer.get(), 1, &frame_) != 0) {}
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;
  ~Frame() { WebPDemuxReleaseIterator(&frame_); }
  bool found() const { return found_; }
  const WebPIterator& operator*() const { return frame_; }
  const WebPIterator* operator->() const { return &frame_; }

 private:
  WebPIterator frame_ = {};
  bool found_;
};

ByteView find_chunk(const Demuxer& demuxer, const char* name) {
  WebPChunkIterator found = {};
  ByteView bytes;
  if (WebPDemuxGetChunk(demuxer.get(), name, 1, &found) != 0) {
    bytes = std::as_bytes(std::span(found.chunk.bytes, found.chunk.size));
  }
  WebPDemuxReleaseChunkIterator(&found);
  return bytes;
}

Status failure(VP8StatusCode code) {
  switch (code) {
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED: return unreadable(ImageFormat::kWebp, "the file ends early");
    case VP8_STATUS_OUT_OF_MEMORY: return {Code::kLimit, "WebP: not enough memory to decode it"};
    case VP8_STATUS_UNSUPPORTED_FEATURE: return unreadable(ImageFormat::kWebp, "it uses a feature that is not read");
    default: return unreadable(ImageFormat::kWebp, "the data is damaged");
  }
}

// libwebp decodes straight into its place on the canvas.
Status decode_frame(const WebPIterator& frame, Image& image) {
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) return {Code::kInternal, "libwebp has another version than its headers"};
  const std::size_t stride = std::size_t{image.width} * image.bands;
  const std::size_t at =
      static_cast<std::size_t>(frame.y_offset) * stride + static_cast<std::size_t>(frame.x_offset) * image.bands;
  config.output.colorspace = image.bands == 4 ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = image.u8.data() + at;
  config.output.u.RGBA.stride = static_cast<int>(stride);
  config.output.u.RGBA.size = image.u8.size() - at;
  const VP8StatusCode code = WebPDecode(frame.fragment.bytes, frame.fragment.size, &config);
  WebPFreeDecBuffer(&config.output);
  return code == VP8_STATUS_OK ? Status::ok() : failure(code);
}

bool inside(const WebPIterator& frame, const ImageInfo& info) {
  return frame.x_offset >= 0 && frame.y_offset >= 0 && frame.width > 0 && frame.height > 0 &&
         static_cast<std::uint64_t>(frame.x_offset) + static_cast<std::uint64_t>(frame.width) <= info.width &&
         static_cast<std::uint64_t>(frame.y_offset) + static_cast<std::uint64_t>(frame.height) <= info.height;
}

}  // namespace

Result<CodecPicture> decode_webp(ByteView file, const CodecRequest& request) {
  CodecPicture picture;
  ImageInfo& info = picture.info;
  info.format = ImageFormat::kWebp;
  WebPBitstreamFeatures features;
  const VP8StatusCode header = WebPGetFeatures(as_u8(file), file.size(), &features);
  if (header != VP8_STATUS_OK) return failure(header);
  info.width = static_cast<std::uint32_t>(features.width);
  info.height = static_cast<std::uint32_t>(features.height);
  info.bits = 8;
  info.bands = 4;  // until it is known that every pixel is opaque
  PICTOR_TRY(check_header(info));

  const WebPData data = {as_u8(file), file.size()};
  WebPDemuxState state = WEBP_DEMUX_PARSE_ERROR;
  const Demuxer demuxer(WebPDemuxPartial(&data, &state));
  if (demuxer == nullptr || state == WEBP_DEMUX_PARSE_ERROR) return failure(VP8_STATUS_BITSTREAM_ERROR);
  const Frame frame(demuxer);
  if (!frame.found()) return failure(VP8_STATUS_NOT_ENOUGH_DATA);
  if (!inside(*frame, info)) return failure(VP8_STATUS_BITSTREAM_ERROR);
  const bool covers = static_cast<std::uint32_t>(frame->width) == info.width &&
                      static_cast<std::uint32_t>(frame->height) == info.height;
  info.bands = covers && frame->has_alpha == 0 ? 3 : 4;
  info.frames = WebPDemuxGetI(demuxer.get(), WEBP_FF_FRAME_COUNT);
  info.orientation = exif_orientation(find_chunk(demuxer, "EXIF"));
  const ByteView icc = find_chunk(demuxer, "ICCP");
  PICTOR_TRY(check_icc_bytes(ImageFormat::kWebp, icc.size()));
  picture.icc.assign(icc.begin(), icc.end());
  info.has_icc = !icc.empty();
  if (request.header_only) return picture;
  if (state != WEBP_DEMUX_DONE && frame->complete == 0) return failure(VP8_STATUS_NOT_ENOUGH_DATA);

  allocate_image(info, picture.image);
  PICTOR_TRY(decode_frame(*frame, picture.image));
  if (state != WEBP_DEMUX_DONE) picture.warnings.emplace_back("the file ends early, after its first frame");
  return picture;
}

std::string webp_version() {
  const int version = WebPGetDecoderVersion();
  return "libwebp " + std::to_string(version >> 16) + "." + std::to_string(version >> 8 & 255) + "." +
         std::to_string(version & 255);
}

}  // namespace pictor
