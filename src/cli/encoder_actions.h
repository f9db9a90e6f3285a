// The actions of `pictor encoder`, each declared by the file that runs it, and what several of them share.
#pragma once

#include <string>

#include "cli/session.h"

namespace pictor {

Command add_encoder_add_action(CLI::App& encoder);
Command add_encoder_pull_action(CLI::App& encoder);
Command add_encoder_verify_action(CLI::App& encoder);
Command add_encoder_fingerprint_action(CLI::App& encoder);
Command add_encoder_quantize_action(CLI::App& encoder);
Command add_encoder_derive_action(CLI::App& encoder);
Command add_encoder_bench_action(CLI::App& encoder);
Command add_encoder_warm_action(CLI::App& encoder);

// The encoder that an action is about, its one argument.
CLI::Option* add_encoder_argument(CLI::App& app, std::string& value);
CLI::Option* add_fingerprint_count_option(CLI::App& app, std::uint64_t& value);

// Prints the fingerprints. kCorrupt when one is not as known, kNotFound when one was to be checked (`check`; else it is
// kept) and none is known.
Status encoder_fingerprint(Session& session, const std::string& encoder, std::uint64_t images, bool check);

std::string mebibytes(std::uint64_t bytes);
void print_heads(Session& session, const EncoderInfo& info);
// What an encoder lost by being quantised; nothing of one that was not.
void print_losses(Session& session, const EncoderInfo& info);

}  // namespace pictor
