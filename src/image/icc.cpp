// Embedded colour profiles to sRGB through Little CMS: perceptual intent, fixed flags.
#include <lcms2.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "image/codec.h"

namespace pictor {
namespace {

struct DeleteContext {
  void operator()(cmsContext context) const { cmsDeleteContext(context); }
};
struct CloseProfile {
  void operator()(void* profile) const { cmsCloseProfile(profile); }
};
struct DeleteTransform {
  void operator()(void* transform) const { cmsDeleteTransform(transform); }
};
// A context of its own for each call: no shared state, and errors are not printed.
using Context = std::unique_ptr<std::remove_pointer_t<cmsContext>, DeleteContext>;
using Profile = std::unique_ptr<void, CloseProfile>;
using Transform = std::unique_ptr<void, DeleteTransform>;

// Pixels at a time, so that the copy beside the picture stays small.
constexpr std::size_t kBlock = 4096;
constexpr cmsUInt32Number kFlags = cmsFLAGS_NOCACHE | cmsFLAGS_HIGHRESPRECALC;

cmsUInt32Number pixel_type(cmsColorSpaceSignature space, std::uint32_t bits) {
  const cmsUInt32Number bytes = bits == 16 ? 2 : 1;
  switch (space) {
    case cmsSigGrayData: return COLORSPACE_SH(PT_GRAY) | CHANNELS_SH(1) | BYTES_SH(bytes);
    case cmsSigCmykData: return COLORSPACE_SH(PT_CMYK) | CHANNELS_SH(4) | BYTES_SH(bytes);
    default: return COLORSPACE_SH(PT_RGB) | CHANNELS_SH(3) | BYTES_SH(bytes);
  }
}

// Whether the profile moves no 8-bit colour of a coarse grid by more than one level: then it is sRGB, whatever its
// name.
bool is_srgb(cmsContext context, cmsHPROFILE profile, cmsHPROFILE srgb) {
  const Transform transform(
      cmsCreateTransformTHR(context, profile, TYPE_RGB_8, srgb, TYPE_RGB_8, INTENT_PERCEPTUAL, kFlags));
  if (transform == nullptr) return false;
  constexpr int kSteps = 16;
  std::vector<std::uint8_t> from, to;
  for (int r = 0; r < kSteps; ++r) {
    for (int g = 0; g < kSteps; ++g) {
      for (int b = 0; b < kSteps; ++b) {
        for (const int value : {r, g, b}) from.push_back(static_cast<std::uint8_t>(value * 17));
      }
    }
  }
  to.resize(from.size());
  cmsDoTransform(transform.get(), from.data(), to.data(), kSteps * kSteps * kSteps);
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (std::abs(from[i] - to[i]) > 1) return false;
  }
  return true;
}

// Colour bands through the transform, alpha (if any) beside it.
template <typename T>
std::vector<T> convert(cmsHTRANSFORM transform, const std::vector<T>& pixels, std::uint32_t bands_in,
                       std::uint32_t colours_in, std::uint32_t bands_out) {
  const std::size_t count = pixels.size() / bands_in;
  std::vector<T> out(count * bands_out);
  std::vector<T> colours(kBlock * colours_in), done(kBlock * 3);
  for (std::size_t start = 0; start < count; start += kBlock) {
    const std::size_t block = std::min(kBlock, count - start);
    const T* from = &pixels[start * bands_in];
    for (std::size_t i = 0; i < block; ++i) {
      std::copy(from + i * bands_in, from + i * bands_in + colours_in, &colours[i * colours_in]);
    }
    cmsDoTransform(transform, colours.data(), done.data(), static_cast<cmsUInt32Number>(block));
    T* to = &out[start * bands_out];
    for (std::size_t i = 0; i < block; ++i) {
      std::copy(&done[i * 3], &done[i * 3] + 3, to + i * bands_out);
      if (bands_out == 4) to[i * 4 + 3] = from[i * bands_in + bands_in - 1];
    }
  }
  return out;
}

cmsColorSpaceSignature space_of(const CodecPicture& picture) {
  if (picture.cmyk) return cmsSigCmykData;
  return picture.image.bands <= 2 ? cmsSigGrayData : cmsSigRgbData;
}

}  // namespace

void convert_to_srgb(CodecPicture& picture) {
  Image& image = picture.image;
  if (picture.icc.empty() || image.bands > 4) return;
  const Context context(cmsCreateContext(nullptr, nullptr));
  if (context == nullptr) return;
  const Profile profile(
      cmsOpenProfileFromMemTHR(context.get(), picture.icc.data(), static_cast<cmsUInt32Number>(picture.icc.size())));
  const Profile srgb(cmsCreate_sRGBProfileTHR(context.get()));
  if (profile == nullptr || srgb == nullptr) {
    picture.warnings.emplace_back("the colour profile is damaged; the picture is taken as sRGB");
    return;
  }
  const cmsColorSpaceSignature space = cmsGetColorSpace(profile.get());
  if (space != space_of(picture)) {
    picture.warnings.emplace_back("the colour profile is for other bands; the picture is taken as sRGB");
    return;
  }
  if (space == cmsSigRgbData && is_srgb(context.get(), profile.get(), srgb.get())) return;
  const Transform transform(cmsCreateTransformTHR(context.get(), profile.get(), pixel_type(space, image.bits),
                                                  srgb.get(), pixel_type(cmsSigRgbData, image.bits), INTENT_PERCEPTUAL,
                                                  kFlags));
  if (transform == nullptr) {
    picture.warnings.emplace_back("the colour profile cannot be used; the picture is taken as sRGB");
    return;
  }
  const std::uint32_t colours = space == cmsSigGrayData ? 1 : space == cmsSigRgbData ? 3 : 4;
  const std::uint32_t bands = image.bands > colours ? 4 : 3;
  if (image.bits == 16) {
    image.u16 = convert(transform.get(), image.u16, image.bands, colours, bands);
  } else {
    image.u8 = convert(transform.get(), image.u8, image.bands, colours, bands);
  }
  image.bands = bands;
  picture.cmyk = false;
}

std::string lcms_version() {
  const int version = cmsGetEncodedCMMversion();
  return "lcms2 " + std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace pictor
