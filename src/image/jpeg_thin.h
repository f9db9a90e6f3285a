// A camera's JPEG shrunk to an eighth needs one number of each brightness block, its mean; the 63 others, most of the
// file, are decoded one by one only to be thrown away, and that is most of the time. Here they are stepped over,
// several in one table look-up, and a thinner stream without them goes to libjpeg, which makes the same pixels of it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

struct jpeg_decompress_struct;

namespace pictor {

// `coded`: the bytes after the header of the only scan. `info`: after jpeg_read_header, its scale chosen and
// jpeg_calc_output_dimensions called. Returns what libjpeg reads instead of `coded`: the same blocks, without the AC
// coefficients of those components that are scaled to one sample a block, and an end marker.
// Nothing where there is nothing to gain, the file is not of the common kind (baseline, Huffman, one scan) or anything
// in it is damaged: the caller then decodes the file as it is, so that damage has one reader and one wording. Takes at
// most twice the bytes of `coded`. Thread-safe.
std::optional<std::vector<std::uint8_t>> thin_jpeg_scan(const jpeg_decompress_struct& info,
                                                        std::span<const std::uint8_t> coded);

}  // namespace pictor
