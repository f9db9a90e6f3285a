#include "infer/isa.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <mutex>

#include "infer/infer.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace pictor {
namespace {

#if defined(__x86_64__)
// Weakest first. bfloat16 and half-precision units make no class of their own: f32 and int8 networks do not use them.
constexpr std::array<std::string_view, 6> kClasses = {"sse41",  "avx2",        "avx2_vnni",
                                                      "avx512", "avx512_vnni", "avx512_amx"};
constexpr std::size_t kAmx = 5;
// What to set so that a machine with more is of that class; the highest needs nothing.
constexpr std::array<std::string_view, 5> kCapOf = {"SSE41", "AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI"};

struct Cap {
  std::string_view name;
  std::size_t level;  // index in kClasses
};
constexpr Cap kCaps[] = {{"SSE41", 0},
                         {"AVX", 0},
                         {"AVX2", 1},
                         {"AVX2_VNNI", 2},
                         {"AVX2_VNNI_2", 2},
                         {"AVX512_CORE", 3},
                         {"AVX512_CORE_VNNI", 4},
                         {"AVX512_CORE_BF16", 4},
                         {"AVX512_CORE_FP16", 4},
                         {"AVX10_1_512", 4}};

bool has_amx_int8() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && ((d >> 24) & 1) != 0 && ((d >> 25) & 1) != 0;
}

bool has_avx_vnni() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && ((a >> 4) & 1) != 0;
}

std::size_t machine_level() {
  const bool avx2 = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
                      __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512dq") != 0;
  if (avx512 && __builtin_cpu_supports("avx512vnni") != 0) return has_amx_int8() ? kAmx : 4;
  if (avx512) return 3;
  if (avx2) return has_avx_vnni() ? 2 : 1;
  return 0;
}

// avx2_vnni lies beside the avx512 line: a machine with AVX-512 capped to it runs it only if it has AVX-VNNI too.
std::size_t capped(std::size_t level, std::string_view cap) {
  std::string upper(cap);
  std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  const auto* found = std::ranges::find(kCaps, std::string_view(upper), &Cap::name);
  if (found == std::end(kCaps)) return level;
  const std::size_t lower = std::min(level, found->level);
  return lower == 2 && !has_avx_vnni() ? 1 : lower;
}
#endif

constexpr const char* kCapVariable = "ONEDNN_MAX_CPU_ISA";

std::mutex limiting;  // guards the three below
bool in_use = false;
bool cap_is_read = false;
std::string cap_read;

// REQUIRES: `limiting` is held. The environment is read once: reading it while another thread sets it is undefined.
std::string& cap_of_process() {
  if (!cap_is_read) {
    const char* cap = std::getenv(kCapVariable);  // NOLINT(concurrency-mt-unsafe)
    cap_read = cap == nullptr ? "" : cap;
    cap_is_read = true;
  }
  return cap_read;
}

// The cap under which this machine is of the class; empty when there is none.
std::string cap_for(std::string_view isa_class) {
#if defined(__x86_64__)
  for (const auto cap : kCapOf) {
    if (isa_class_of_machine(cap) == isa_class) return std::string(cap);
  }
#else
  static_cast<void>(isa_class);
#endif
  return {};
}

}  // namespace

std::string isa_class_of_process() {
  const std::lock_guard lock(limiting);
  return isa_class_of_machine(cap_of_process());
}

bool has_exact_int8(std::string_view isa_class) {
  for (const std::string_view without : {"x86-64/sse41", "x86-64/avx2", "x86-64/avx512"}) {
    if (isa_class == without) return false;
  }
  return true;
}

void note_isa_in_use() {
  const std::lock_guard lock(limiting);
  in_use = true;
}

Status limit_isa_class(const std::string& isa_class) {
  const std::lock_guard lock(limiting);
  auto& cap = cap_of_process();
  const auto here = isa_class_of_machine(cap);
  if (here == isa_class) return Status::ok();
  const std::string wanted = "instruction-set class " + isa_class + " is wanted, ";
  if (in_use) {
    return {Code::kMismatch,
            wanted + "networks of this process run under " + here + " already: use another process for it"};
  }
  if (!cap.empty()) {
    return {Code::kUnsupported,
            wanted + std::string(kCapVariable) + "=" + cap + " keeps this process to " + here + ": unset it"};
  }
  const auto needed = cap_for(isa_class);
  if (needed.empty()) {
    return {Code::kUnsupported, wanted + "this machine is " + here +
                                    " and cannot run it: use one that can, go on without --reproducible (last bits "
                                    "may differ), or index into a new collection"};
  }
  // For oneDNN, which reads it when the first network starts: note_isa_in_use lets none start before this is done.
  if (::setenv(kCapVariable, needed.c_str(), 1) != 0) {  // NOLINT(concurrency-mt-unsafe)
    return {Code::kIo,
            "the environment cannot be changed: set " + std::string(kCapVariable) + "=" + needed + " yourself"};
  }
  cap = needed;
  return Status::ok();
}

std::string isa_class_of_machine(std::string_view cap) {
#if defined(__x86_64__)
  return "x86-64/" + std::string(kClasses[capped(machine_level(), cap)]);
#elif defined(__aarch64__)
  static_cast<void>(cap);
  return "aarch64/neon";
#else
  static_cast<void>(cap);
  return "other/plain";
#endif
}

}  // namespace pictor
