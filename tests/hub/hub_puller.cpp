// hub_puller ENDPOINT FOLDER: pulls hf:acme/tiny, to be killed at it. Ends with the status' number.
#include <cstdio>

#include "encode/hub.h"

int main(int count, char** words) {
  if (count != 3) return 2;
  pictor::Env& env = pictor::Env::real();
  pictor::HttpClient http(env, {});
  pictor::PullRequest request;
  request.ref = {"acme/tiny", "main"};
  request.endpoint = words[1];
  request.folder = words[2];
  const auto pulled = pictor::pull_repository(env, http, request);
  if (!pulled.is_ok()) std::fprintf(stderr, "%s\n", pulled.status().to_string().c_str());
  return static_cast<int>(pulled.status().code());
}
