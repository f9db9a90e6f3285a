#include "engine/generated.h"

#include <array>

namespace pictor {
namespace {

// SplitMix64 (Steele, Lea, Flood 2014).
class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
  }
  std::uint32_t below(std::uint32_t end) {
    return static_cast<std::uint32_t>((next() >> 32U) % std::max<std::uint32_t>(end, 1));
  }
  std::uint8_t byte() { return static_cast<std::uint8_t>(next() >> 56U); }

 private:
  std::uint64_t state_;
};

struct Colour {
  std::array<std::uint8_t, 4> bands;
};

Colour colour_of(Numbers& numbers) {
  Colour colour{};
  for (auto& band : colour.bands) band = numbers.byte();
  return colour;
}

class Canvas {
 public:
  Canvas(Image& image, Numbers& numbers) : image_(image), numbers_(numbers) {}

  std::uint32_t width() const { return image_.width; }
  std::uint32_t height() const { return image_.height; }
  std::uint8_t* at(std::uint32_t x, std::uint32_t y) {
    return image_.u8.data() + (std::size_t{y} * image_.width + x) * image_.bands;
  }
  void put(std::uint32_t x, std::uint32_t y, const Colour& colour) {
    auto* pixel = at(x, y);
    for (std::uint32_t band = 0; band < image_.bands; ++band) pixel[band] = colour.bands[band];
  }

  void gradient() {
    const auto from = colour_of(numbers_);
    const auto to = colour_of(numbers_);
    const std::uint32_t across = numbers_.below(5), down = numbers_.below(4) + (across == 0 ? 1 : 0);
    const std::uint32_t end = across * (width() - 1) + down * (height() - 1);
    each([&](std::uint32_t x, std::uint32_t y, std::uint32_t band) {
      const std::uint32_t t = end == 0 ? 0 : 256 * (across * x + down * y) / end;
      return static_cast<std::uint8_t>((from.bands[band] * (256 - t) + to.bands[band] * t) / 256);
    });
  }

  void noise(std::uint32_t strength) {
    each([&](std::uint32_t x, std::uint32_t y, std::uint32_t band) {
      return static_cast<std::uint8_t>((at(x, y)[band] * (256 - strength) + numbers_.byte() * strength) / 256);
    });
  }

  void stripes() {
    const std::array<Colour, 2> colours = {colour_of(numbers_), colour_of(numbers_)};
    const std::uint32_t wide = 1 + numbers_.below(40), high = 1 + numbers_.below(40), kind = numbers_.below(3);
    each([&](std::uint32_t x, std::uint32_t y, std::uint32_t band) {
      const std::uint32_t column = kind == 1 ? 0 : x / wide, line = kind == 0 ? 0 : y / high;
      return colours[(column + line) % 2].bands[band];
    });
  }

  void blobs() {
    for (std::uint32_t left = 3 + numbers_.below(20); left > 0; --left) {
      const auto colour = colour_of(numbers_);
      const std::int64_t cx = numbers_.below(width()), cy = numbers_.below(height()), r = 2 + numbers_.below(90);
      for (std::uint32_t y = 0; y < height(); ++y) {
        for (std::uint32_t x = 0; x < width(); ++x) {
          const std::int64_t dx = x - cx, dy = y - cy;
          if (dx * dx + dy * dy <= r * r) put(x, y, colour);
        }
      }
    }
  }

  // Lines of small blocks with gaps, dark on light or light on dark.
  void lines() {
    const auto ink = colour_of(numbers_);
    const std::uint32_t high = 3 + numbers_.below(14);
    for (std::uint32_t top = high; top + high < height(); top += 2 * high) {
      for (std::uint32_t x = high; x + high < width();) {
        const std::uint32_t wide = 1 + numbers_.below(high);
        const std::uint32_t down = numbers_.below(high / 2 + 1);
        for (std::uint32_t y = top + down; y < top + high; ++y) {
          for (std::uint32_t i = x; i < x + wide; ++i) put(i, y, ink);
        }
        x += wide + 1 + (numbers_.below(6) == 0 ? high : 0);
      }
    }
  }

 private:
  template <typename Value>
  void each(const Value& value) {
    for (std::uint32_t y = 0; y < height(); ++y) {
      for (std::uint32_t x = 0; x < width(); ++x) {
        for (std::uint32_t band = 0; band < image_.bands; ++band) at(x, y)[band] = value(x, y, band);
      }
    }
  }

  Image& image_;
  Numbers& numbers_;
};

constexpr std::array<const char*, 24> kWords = {"red",     "car",      "a",      "photo of", "Mountain", "lake,",
                                                "sunset;", "DOG",      "don't",  "42",       "3.14",     "über",
                                                "Straße",  "naïve",    "собака", "дом",      "猫",       "山の上",
                                                "고양이",  "ελληνικά", "קפה",    "क्षेत्र",     "🙂",     "x-ray"};

}  // namespace

Image generated_image(std::uint64_t number) {
  Numbers numbers(number * 2 + 1);
  Image image;
  image.width = 24 + numbers.below(424);
  image.height = 24 + numbers.below(424);
  constexpr std::array<std::uint32_t, 8> kBands = {3, 3, 3, 3, 3, 3, 1, 4};
  image.bands = kBands[numbers.below(8)];
  image.u8.assign(std::size_t{image.width} * image.height * image.bands, 255);
  Canvas canvas(image, numbers);
  switch (number % 6) {
    case 0: canvas.gradient(); break;
    case 1: canvas.noise(256); break;
    case 2: canvas.blobs(); break;
    case 3: canvas.lines(); break;
    case 4: canvas.stripes(); break;
    default:
      canvas.gradient();
      canvas.blobs();
      canvas.lines();
      canvas.noise(32 + numbers.below(128));
      break;
  }
  return image;
}

std::string generated_text(std::uint64_t number) {
  Numbers numbers(number * 2);
  std::string text;
  for (std::uint32_t left = 1 + numbers.below(number % 8 == 0 ? 60 : 12); left > 0; --left) {
    if (!text.empty()) text += numbers.below(20) == 0 ? ", " : " ";
    text += kWords[numbers.below(kWords.size())];
  }
  return text;
}

}  // namespace pictor
