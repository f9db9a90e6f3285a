// Where vectors came from, and whether they can be made again: receipts, re-derivation, fingerprints.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "pictor/status.h"

namespace pictor {

struct FaultInfo {
  std::string collection, where, what, advice;
};

// Numbers are not stored.
enum class ReceiptState : std::uint8_t {
  kSigned,     // and the signature is right
  kUnsigned,   // of a collection that was made before receipts were signed
  kWrong,      // see `problem`
  kUnknownKey  // signed by a key whose public half is not here, so that nobody can say; `problem` names it
};

struct CheckedReceipt {
  ReceiptState state = ReceiptState::kUnsigned;
  std::string receipt;  // the JSON object
  Status problem;       // of kWrong and kUnknownKey: what, seen and wanted
};

// A receipt by itself, without a data folder: the signature, and that the key is the one it names.
CheckedReceipt check_receipt(std::string_view receipt, std::string_view public_key_pem);

struct RederiveRequest {
  std::string collection;
  std::uint64_t sample = 0;  // so many items, drawn at random; 0: all
  std::uint64_t seed = 0;    // of the drawing
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
  const std::atomic<bool>* cancel = nullptr;
};

// A vector that another instruction-set class or version of the run time made, and what is made here and now.
struct OtherVector {
  std::string id, head, isa_class, runtime;
  double cosine = 0;
};

struct RederiveReport {
  std::uint64_t items = 0;         // that were looked at
  std::uint64_t equal = 0;         // made again, bit for bit
  std::uint64_t differ = 0;        // made again under the same conditions, and not the same: faults
  std::uint64_t other = 0;         // made under other conditions: compared by cosine
  std::uint64_t no_picture = 0;    // the picture is not at hand
  std::uint64_t unread = 0;        // the picture is at hand and cannot be read: faults
  std::uint64_t signed_count = 0;  // receipts with a right signature
  std::uint64_t unsigned_count = 0;
  std::uint64_t unknown_key = 0;          // receipts signed by a key that is not here: not checked, and no faults
  std::vector<std::string> unknown_keys;  // the names of those keys, at most limits::kFaultsMax
  std::uint64_t seed = 0;                 // of the drawing, whoever chose it; 0: nothing was drawn
  std::vector<OtherVector> others;        // at most limits::kFaultsMax
  std::vector<FaultInfo> faults;          // at most limits::kFaultsMax
  bool cancelled = false;
};

enum class FingerprintState : std::uint8_t {
  kNew,    // there was none to compare with
  kEqual,  // to the one that is kept or came with Pictor
  kOther   // than that: `wanted`
};

// One SHA-256 over the vectors of generated inputs, in order.
struct Fingerprint {
  std::string head, of;  // of: "images", "texts"
  std::string precision, runtime, isa_class;
  std::uint64_t count = 0;  // of inputs
  std::string sha256;
  FingerprintState state = FingerprintState::kNew;
  std::string wanted;   // of kOther
  std::string kept_in;  // the file that has it; empty when none has
};

struct FingerprintRequest {
  std::string encoder;
  std::uint64_t images = 1000;  // and as many texts
  bool keep = true;             // write what is new beside the encoder
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
  const std::atomic<bool>* cancel = nullptr;
};

struct FingerprintReport {
  std::vector<Fingerprint> fingerprints;
  std::string note;  // why what is new could not be kept; empty: it was, or was not to be
  double seconds = 0;
};

}  // namespace pictor
