// What an exchange offers in terms of its few virtual calls, and HTTP's small tables.
#include "net/http_server.h"

namespace studio {

bool same_header_name(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  for (std::size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100: return "Continue";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 411: return "Length Required";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 499: return "Client Closed Request";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "Unknown";
  }
}

std::string_view HttpExchange::query() const {
  const std::size_t at = target().find('?');
  return at == std::string_view::npos ? std::string_view{} : target().substr(at + 1);
}

std::string_view HttpExchange::header(std::string_view name) const {
  for (const HeaderView& field : headers())
    if (same_header_name(field.name, name)) return field.value;
  return {};
}

// Coroutines, so that the array of one lives in their frames.
Task<Result<void>> HttpExchange::respond(int status, std::string_view content_type, std::string_view body) {
  const HeaderView type{"Content-Type", content_type};
  co_return co_await respond(status, std::span(&type, 1), std::span(&body, 1));
}

Task<Result<void>> HttpExchange::write(std::string_view piece) {
  co_return co_await write(std::span(&piece, 1));
}

}  // namespace studio
