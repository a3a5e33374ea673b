// send_http on libcurl's multi interface. The only file that knows libcurl.
//
// libcurl rather than Beast for the client: Unix sockets, TLS with the system's store, proxies,
// chunked bodies and redirects are there and have been tried by everybody, and this file
// compiles in a second. One handle an exchange: a connection to a local socket costs 0.05 ms.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <system_error>
#include <utility>

#include <curl/curl.h>
#include <fcntl.h>
#include <fmt/format.h>

#include "net/http.h"

namespace studio {
namespace {

using Clock = std::chrono::steady_clock;

struct EasyEnd {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct MultiEnd {
  void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};
struct ListEnd {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// What the callbacks need while one exchange runs.
struct Exchange {
  const HttpRequest& request;
  CURL* easy = nullptr;
  HttpResponse response{};
  std::uint64_t received = 0;
  bool too_large = false;
  bool ended_by_caller = false;
  bool status_told = false;
  Clock::time_point last_byte = Clock::now();
};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && std::string_view(" \t\r\n").contains(text.back())) text.remove_suffix(1);
  return text;
}

std::size_t take_header(char* data, std::size_t, std::size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::string_view line(data, size);
  exchange.last_byte = Clock::now();
  // Each answer of a chain (100, a redirect) begins anew with its status line.
  if (line.starts_with("HTTP/")) {
    exchange.response.headers.clear();
    return size;
  }
  exchange.received += size;
  if (exchange.received > exchange.request.max_response_bytes) {
    exchange.too_large = true;
    return 0;
  }
  if (const std::size_t colon = line.find(':'); colon != std::string_view::npos)
    exchange.response.headers.emplace_back(lower(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
  return size;
}

std::size_t take_body(char* data, std::size_t, std::size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  exchange.last_byte = Clock::now();
  exchange.received += size;
  if (exchange.received > exchange.request.max_response_bytes) {
    exchange.too_large = true;
    return 0;
  }
  long status = 0;
  curl_easy_getinfo(exchange.easy, CURLINFO_RESPONSE_CODE, &status);
  if (exchange.request.on_body && status >= 200 && status < 300) {
    const bool first = !std::exchange(exchange.status_told, true);
    exchange.ended_by_caller =
        (first && exchange.request.on_status && !exchange.request.on_status(static_cast<int>(status))) ||
        !exchange.request.on_body({data, size});
    return exchange.ended_by_caller ? 0 : size;
  }
  exchange.response.body.append(data, size);
  return size;
}

// Engines are forked while exchanges run: their children must not inherit our sockets.
int close_on_exec(void*, curl_socket_t socket, curlsocktype) {
  ::fcntl(socket, F_SETFD, FD_CLOEXEC);
  return CURL_SOCKOPT_OK;
}

bool is_loopback(std::string_view url) {
  for (const std::string_view host :
       {"http://127.", "http://localhost", "http://[::1]", "https://127.", "https://localhost"})
    if (url.starts_with(host)) return true;
  return false;
}

void set_up(CURL* easy, const HttpRequest& request, const std::string& url, curl_slist* headers,
            char* error_text, Exchange& exchange) {
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_text);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, close_on_exec);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.connect_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &exchange);
  if (!request.endpoint.unix_socket.empty())
    curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request.endpoint.unix_socket.c_str());
  if (!request.endpoint.unix_socket.empty() || is_loopback(url)) curl_easy_setopt(easy, CURLOPT_PROXY, "");
  if (request.max_redirects > 0) {
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, static_cast<long>(request.max_redirects));
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, url.starts_with("https://") ? "https" : "http,https");
  }
  if (request.method == "HEAD") curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.c_str());
  }
  if (request.method != "GET" && request.method != "HEAD")
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  // The environment's name for a certificate store; Debian's libcurl does not read it itself.
  if (const char* store = std::getenv("SSL_CERT_FILE"); store != nullptr && *store != '\0')
    curl_easy_setopt(easy, CURLOPT_CAINFO, store);
  // The machine's own folder of authorities stays in force beside the file.
  if (!request.endpoint.ca_file.empty())
    curl_easy_setopt(easy, CURLOPT_CAINFO, request.endpoint.ca_file.c_str());
}

// Empty when nothing is to be connected to but what the URL says.
std::unique_ptr<curl_slist, ListEnd> connect_list(const HttpRequest& request) {
  const std::string& address = request.connect_address;
  if (address.empty()) return nullptr;
  const std::string entry =
      address.contains(':') ? fmt::format("::[{}]:", address) : fmt::format("::{}:", address);
  return std::unique_ptr<curl_slist, ListEnd>(curl_slist_append(nullptr, entry.c_str()));
}

Result<std::unique_ptr<curl_slist, ListEnd>> header_list(const HttpRequest& request) {
  curl_slist* list = curl_slist_append(nullptr, "Expect:");  // no 100-continue round trip
  std::unique_ptr<curl_slist, ListEnd> owner(list);
  for (const auto& [name, value] : request.headers) {
    if ((name + value).find_first_of("\r\n") != std::string::npos)
      return fail(ErrorKind::invalid_input,
                  fmt::format("send the header {}: it has a line break in it", name));
    curl_slist_append(list, fmt::format("{}: {}", name, value).c_str());
  }
  return owner;
}

Error explain(CURLcode code, const char* detail, const Exchange& exchange, const std::string& what) {
  const HttpRequest& request = exchange.request;
  if (exchange.too_large)
    return {
        ErrorKind::limit_exceeded,
        fmt::format("{}: the answer is larger than the limit of {} bytes", what, request.max_response_bytes),
        {}};
  if (exchange.ended_by_caller) return {ErrorKind::interrupted, what + ": ended by the reader", {}};
  if (code == CURLE_OPERATION_TIMEDOUT)
    return {ErrorKind::timeout, fmt::format("{}: no full answer within {} ms", what, request.timeout.count()),
            "ask again later, or allow more time"};
  const std::string reason = *detail != '\0' ? detail : curl_easy_strerror(code);
  if (code == CURLE_COULDNT_CONNECT) {
    // The system's word for it; libcurl's own text holds milliseconds and says the same thing twice.
    long number = 0;
    curl_easy_getinfo(exchange.easy, CURLINFO_OS_ERRNO, &number);
    const std::string why =
        number != 0 ? std::generic_category().message(static_cast<int>(number)) : curl_easy_strerror(code);
    return {ErrorKind::engine_failed, fmt::format("{}: cannot connect: {}", what, why),
            "check that the server is running"};
  }
  if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY)
    return {ErrorKind::engine_failed, fmt::format("{}: {}", what, reason),
            "check the address and the network"};
  if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
    return {ErrorKind::engine_failed, fmt::format("{}: {}", what, reason),
            "the server's certificate is not trusted here; SSL_CERT_FILE names another store"};
  return {ErrorKind::engine_failed, fmt::format("{}: {}", what, reason), {}};
}

}  // namespace

std::string_view HttpResponse::header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers)
    if (name == lower_case_name) return value;
  return {};
}

Result<HttpResponse> send_http(const HttpRequest& request) {
  const std::string what = fmt::format("{} {}{}", request.method, request.endpoint.to_string(), request.path);
  const std::string url = request.endpoint.base_url + request.path;
  if (request.stop.stop_requested()) return fail(ErrorKind::interrupted, what + ": interrupted");
  if (request.timeout.count() <= 0) return fail(ErrorKind::timeout, what + ": no time left");
  const std::unique_ptr<CURL, EasyEnd> easy(curl_easy_init());
  const std::unique_ptr<CURLM, MultiEnd> multi(curl_multi_init());
  if (!easy || !multi) return fail(ErrorKind::internal, what + ": libcurl could not be set up");
  TRY_ASSIGN(const auto headers, header_list(request));
  char error_text[CURL_ERROR_SIZE] = "";
  Exchange exchange{.request = request, .easy = easy.get()};
  set_up(easy.get(), request, url, headers.get(), error_text, exchange);
  const auto connect = connect_list(request);
  if (connect) {
    curl_easy_setopt(easy.get(), CURLOPT_CONNECT_TO, connect.get());
    curl_easy_setopt(easy.get(), CURLOPT_PROXY, "");
  }

  // The wake-up must be registered before the first poll and gone before multi is freed.
  const std::stop_callback wake(request.stop, [&multi] { curl_multi_wakeup(multi.get()); });
  curl_multi_add_handle(multi.get(), easy.get());
  struct Removal {
    CURLM* multi;
    CURL* easy;
    ~Removal() { curl_multi_remove_handle(multi, easy); }
  } const removal{multi.get(), easy.get()};

  int running = 1;
  while (true) {
    if (curl_multi_perform(multi.get(), &running) != CURLM_OK)
      return fail(ErrorKind::internal, what + ": libcurl's loop failed");
    if (running == 0) break;
    if (request.stop.stop_requested()) return fail(ErrorKind::interrupted, what + ": interrupted");
    if (request.stall_timeout.count() > 0 && Clock::now() - exchange.last_byte > request.stall_timeout)
      return fail(ErrorKind::timeout, fmt::format("{}: silent for {} s", what, request.stall_timeout.count()),
                  "check the network and run the command again");
    curl_multi_poll(multi.get(), nullptr, 0, 500, nullptr);
  }
  CURLcode code = CURLE_OK;
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi.get(), &left))
    if (message->msg == CURLMSG_DONE) code = message->data.result;
  if (code != CURLE_OK) return std::unexpected(explain(code, error_text, exchange, what));
  long status = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  exchange.response.status = static_cast<int>(status);
  return std::move(exchange.response);
}

}  // namespace studio
