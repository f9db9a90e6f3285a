// Writes JPEGs of kinds that encode_jpeg does not make. Only for tests.
#pragma once

#include <cstdio>  // jpeglib.h needs FILE
#include <cstdlib>

#include <jpeglib.h>

#include "image/image.h"

namespace pictor::testing {

// `choose` changes what jpeg_set_defaults set. 8-bit pixels of 1, 3 or 4 bands (grey, RGB, CMYK).
template <typename Choose>
Bytes write_jpeg(const Image& image, const Choose& choose) {
  jpeg_compress_struct info = {};
  jpeg_error_mgr errors = {};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* data = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &data, &size);
  info.image_width = image.width;
  info.image_height = image.height;
  info.input_components = static_cast<int>(image.bands);
  info.in_color_space = image.bands == 1 ? JCS_GRAYSCALE : image.bands == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&info);
  choose(info);
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < image.height) {
    const std::size_t at = std::size_t{info.next_scanline} * image.width * image.bands;
    JSAMPROW row = const_cast<JSAMPROW>(image.u8.data() + at);  // libjpeg only reads it
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  Bytes file(bytes, bytes + size);
  std::free(data);
  return file;
}

}  // namespace pictor::testing
