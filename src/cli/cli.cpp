// The machine's own services: the real engine, pictures made small, the terminal.
#include "cli/cli.h"

#include <iostream>

#include "cli/services.h"
#include "engine/engine.h"
#include "image/image.h"
#include "remote/remote.h"

namespace pictor {
namespace {

Result<Bytes> make_small(ByteView file, std::uint32_t side, ThumbnailFormat format) {
  PICTOR_ASSIGN(const DecodedImage decoded, decode_image(file, DecodeSpec{}));
  PICTOR_ASSIGN(Bytes jpeg, make_thumbnail(decoded.image, side));
  if (format == ThumbnailFormat::kJpeg) return jpeg;
  PICTOR_ASSIGN(const DecodedImage small, decode_image(jpeg, DecodeSpec{}));
  return encode_png(small.image);
}

}  // namespace

int run_cli(int argc, char** argv, std::ostream& out, std::ostream& err, const RunOptions& options) {
  Services services;
  services.open_engine = [](Env& env, const EngineOptions& options) { return Engine::open(env, options); };
  services.thumbnail = make_small;
  services.version = version_text();
  services.build_details = build_details();
  services.in = &std::cin;
  services.terminal = find_terminal();
  services.process_ends = options.process_ends;
  services.start_server = options.start_server;
  services.serve_mcp = options.serve_mcp;
  services.connect = connect_engine;
  return run_cli_with(argc, argv, services, out, err);
}

}  // namespace pictor
