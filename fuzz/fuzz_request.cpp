// libFuzzer target: the gateway's scan of a request, which must take exactly what a JSON library takes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <nlohmann/json.hpp>

#include "gateway/request_scan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto scan = studio::scan_request(body);
  if (!scan) return 0;
  if (!nlohmann::json::accept(body)) std::abort();
  (void)studio::conversation_of(body, *scan);
  // The body with another model is a request again, and for that model.
  std::string json_name, changed;
  for (const auto piece : studio::with_model(body, *scan, "other\"model", json_name)) changed += piece;
  const auto again = studio::scan_request(changed);
  if (!again || again->model != "other\"model") std::abort();
  return 0;
}
