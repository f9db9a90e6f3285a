// Context packs for assistants.
#include "engine/engine.h"
#include "pictor/context.h"
#include "serve/api.h"

namespace pictor {

Result<HttpReply> create_context(const Call& call) {
  PICTOR_TRY(only_parameters(call, {}));
  PICTOR_ASSIGN(ContextRequest request, parse_context_request(call.request.body));
  // It is named in the body, where nobody looked for it yet.
  if (!call.caller.may_see(request.query.collection)) {
    return forbidden("this key is not for collection '" + request.query.collection + "'");
  }
  for (const QueryPart& part : request.query.parts) {
    if (part.image.size() > call.options.body_bytes_max) {
      return Status(Code::kLimit, "the picture has " + std::to_string(part.image.size()) + " bytes, wanted at most " +
                                      std::to_string(call.options.body_bytes_max));
    }
  }
  request.query.deadline_us = call.request.received_us + call.options.deadline_ms * 1000;
  PICTOR_ASSIGN(const ContextPack pack, make_context(call.tenant.engine, request));
  for (const ContextEntry& entry : pack.entries) call.touched.items.push_back(entry.id);
  return json_reply(context_json(pack));
}

}  // namespace pictor
