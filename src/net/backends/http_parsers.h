// Beast's HTTP/1.1 parser, giving views into the caller's buffer instead of owning strings.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <boost/beast/http/basic_parser.hpp>

#include "net/http_server.h"

namespace studio {

namespace beast = boost::beast;

inline std::string_view view_of(beast::string_view text) {
  return {text.data(), text.size()};
}

// Headers as views. A folded header (obs-fold) lies in a buffer of the parser, so it is refused, which
// RFC 9112 section 5.2 allows.
template <bool isRequest>
class ViewParser : public beast::http::basic_parser<isRequest> {
 public:
  // `buffer` is where the bytes to be parsed lie. Pieces of a body go to `body_pieces`.
  ViewParser(std::vector<HeaderView>& headers, std::vector<std::string_view>& body_pieces)
      : headers_(headers), pieces_(body_pieces) {
    headers_.clear();
    pieces_.clear();
  }
  void set_buffer(std::span<const char> buffer) { buffer_ = buffer; }

  std::string_view method, target;  // of a request
  int status = 0;                   // of an answer
  bool http11 = true;

 protected:
  using Error = beast::error_code;

  void on_request_impl(beast::http::verb, beast::string_view method_text, beast::string_view target_text,
                       int version, Error&) override {
    http11 = version >= 11;
    method = view_of(method_text);
    target = view_of(target_text);
  }
  void on_response_impl(int code, beast::string_view, int version, Error&) override {
    status = code;
    http11 = version >= 11;
  }
  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                     Error& error) override {
    if (head_done_) return;  // trailers
    const char* at = value.data();
    if (!value.empty() && (at < buffer_.data() || at >= buffer_.data() + buffer_.size()))
      error = beast::http::error::bad_value;
    else
      headers_.push_back({view_of(name), view_of(value)});
  }
  void on_header_impl(Error&) override { head_done_ = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Error&) override {}
  std::size_t on_body_impl(beast::string_view piece, Error&) override {
    pieces_.push_back(view_of(piece));
    return piece.size();
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, Error&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view piece, Error&) override {
    pieces_.push_back(view_of(piece));
    return piece.size();
  }
  void on_finish_impl(Error&) override {}

 private:
  std::vector<HeaderView>& headers_;
  std::vector<std::string_view>& pieces_;
  std::span<const char> buffer_;
  bool head_done_ = false;
};

using RequestParser = ViewParser<true>;
using ResponseParser = ViewParser<false>;

}  // namespace studio
