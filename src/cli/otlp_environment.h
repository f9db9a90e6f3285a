// What OpenTelemetry's own environment variables say of where traces go. Thread safety: as the environment.
#pragma once

#include "pictor/server.h"

namespace pictor {

// OTEL_EXPORTER_OTLP_ENDPOINT where no other is given, and OTEL_EXPORTER_OTLP_HEADERS. kInvalid: a list that is none.
Status take_otlp_environment(ServerOptions& out);

}  // namespace pictor
