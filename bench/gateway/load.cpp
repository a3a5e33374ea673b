// Loads an OpenAI-compatible server and says how it bore it, as one line of JSON.
//   load requests --url http://HOST:PORT/PATH | unix:SOCKET:/PATH --connections N --seconds S --body JSON
//   [--header H] load streams  --url ...                                       --connections N --tokens N
//   --rate R [--header H]
// `requests`: each connection sends its next request when the last was answered; latencies in ms.
// `streams`: all at once; each event of the mock engine carries the clock when it was written, so the delay
// of every token is known. One thread, epoll, no library: it must cost less than what it measures.
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

struct Options {
  std::string mode, host, path, socket, body = "{}", headers;
  int port = 80, connections = 1, tokens = 100;
  double seconds = 2, rate = 50, start_over = 1;
};

long long now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

bool read_url(std::string_view url, Options& options) {
  if (url.starts_with("unix:")) {
    const std::size_t colon = url.find(":/", 5);
    options.socket = url.substr(5, colon - 5);
    options.path = colon == std::string_view::npos ? "/" : url.substr(colon + 1);
    options.host = "localhost";
    return true;
  }
  if (!url.starts_with("http://")) return false;
  url.remove_prefix(7);
  const std::size_t slash = url.find('/');
  const std::string_view authority = url.substr(0, slash);
  options.path = slash == std::string_view::npos ? "/" : url.substr(slash);
  const std::size_t colon = authority.find(':');
  options.host = authority.substr(0, colon);
  if (colon != std::string_view::npos)
    options.port = std::atoi(std::string(authority.substr(colon + 1)).c_str());
  return true;
}

int connect_to(const Options& options) {
  if (!options.socket.empty()) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    options.socket.copy(to.sun_path, sizeof to.sun_path - 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) return fd;
    ::close(fd);
    return -1;
  }
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(options.port));
  inet_pton(AF_INET, options.host == "localhost" ? "127.0.0.1" : options.host.c_str(), &to.sin_addr);
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const int yes = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) return fd;
  ::close(fd);
  return -1;
}

// Reads one HTTP answer as it comes, sized or chunked.
struct Answer {
  std::string head;
  bool in_body = false, chunked = false, done = false;
  int status = 0;
  long long left = 0;      // of the body or of the chunk
  std::string chunk_line;  // the size line, as far as it came

  void reset() { *this = Answer{}; }

  // Calls `body` with the pieces; true once the answer is whole.
  template <typename Body>
  bool feed(std::string_view bytes, Body&& body) {
    if (!in_body) {
      const std::size_t before = head.size();
      head.append(bytes);
      const std::size_t end = head.find("\r\n\r\n", before < 3 ? 0 : before - 3);
      if (end == std::string::npos) return false;
      bytes.remove_prefix(end + 4 - before);
      head.resize(end + 2);
      in_body = true;
      status = std::atoi(head.c_str() + 9);
      chunked = find_header("transfer-encoding") == "chunked";
      if (!chunked) left = std::atoll(std::string(find_header("content-length")).c_str());
    }
    if (!chunked) {
      const auto piece = bytes.substr(0, static_cast<std::size_t>(left));
      body(piece);
      left -= static_cast<long long>(piece.size());
      return done = left == 0;
    }
    while (!bytes.empty() && !done) {
      if (left > 2) {  // two more than the chunk has: its line end
        const auto piece = bytes.substr(0, static_cast<std::size_t>(left - 2));
        body(piece);
        left -= static_cast<long long>(piece.size());
        bytes.remove_prefix(piece.size());
      } else if (left > 0) {
        const auto line_end = bytes.substr(0, static_cast<std::size_t>(left));
        left -= static_cast<long long>(line_end.size());
        bytes.remove_prefix(line_end.size());
      } else {
        const std::size_t at = bytes.find('\n');
        chunk_line.append(bytes.substr(0, at));
        if (at == std::string_view::npos) return false;
        bytes.remove_prefix(at + 1);
        long long size = 0;
        std::from_chars(chunk_line.data(), chunk_line.data() + chunk_line.size(), size, 16);
        chunk_line.clear();
        if (size == 0)
          done = true;
        else
          left = size + 2;
      }
    }
    return done;
  }

  std::string_view find_header(std::string_view name) const {
    std::string_view rest = head;
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find("\r\n"));
      rest.remove_prefix(std::min(rest.size(), line.size() + 2));
      if (line.size() > name.size() && line[name.size()] == ':' &&
          strncasecmp(line.data(), name.data(), name.size()) == 0) {
        std::string_view value = line.substr(name.size() + 1);
        while (value.starts_with(' ')) value.remove_prefix(1);
        return value;
      }
    }
    return {};
  }
};

struct Connection {
  int fd = -1;
  Answer answer;
  long long sent_at = 0;
  std::string line;  // of an event, as far as it came
  int tokens = 0;
};

double at(std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1,
                         static_cast<std::size_t>(share * static_cast<double>(sorted.size())))];
}

std::string request_text(const Options& options, const std::string& body) {
  return "POST " + options.path + " HTTP/1.1\r\nHost: " + options.host +
         "\r\nContent-Type: application/json\r\n" + options.headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

int run_requests(const Options& options) {
  const std::string text = request_text(options, options.body);
  const int poll = epoll_create1(0);
  std::vector<Connection> all(static_cast<std::size_t>(options.connections));
  for (auto& each : all) {
    each.fd = connect_to(options);
    if (each.fd < 0) return std::fprintf(stderr, "load: cannot connect\n"), 1;
    epoll_event event{EPOLLIN, {.ptr = &each}};
    epoll_ctl(poll, EPOLL_CTL_ADD, each.fd, &event);
  }
  std::vector<double> latencies;
  latencies.reserve(4'000'000);
  long long failed = 0, hits = 0;
  std::vector<char> buffer(256 << 10);
  const long long start = now_ns();
  long long end = start + static_cast<long long>(options.seconds * 1e9);
  int open = options.connections;
  // The first tenth warms up and is not counted.
  const long long counted_from = start + (end - start) / 10;
  for (auto& each : all) {
    each.sent_at = now_ns();
    send_all(each.fd, text);
  }
  std::vector<epoll_event> events(1024);
  long long last = start;
  while (last < end) {
    const int n = epoll_wait(poll, events.data(), static_cast<int>(events.size()), 100);
    last = now_ns();
    for (int i = 0; i < n; ++i) {
      auto& each = *static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
      const ssize_t got = ::recv(each.fd, buffer.data(), buffer.size(), 0);
      bool whole = false;
      if (got > 0)
        whole = each.answer.feed({buffer.data(), static_cast<std::size_t>(got)}, [](std::string_view) {});
      if (got > 0 && !whole) continue;
      const long long now = now_ns();
      if (got <= 0 || each.answer.status != 200)
        ++failed;
      else if (each.sent_at >= counted_from)
        latencies.push_back(static_cast<double>(now - each.sent_at) / 1e6);
      if (got > 0 && each.answer.find_header("x-cache") == "hit") ++hits;
      const bool close = got <= 0 || each.answer.find_header("connection") == "close";
      each.answer.reset();
      if (close) {
        epoll_ctl(poll, EPOLL_CTL_DEL, each.fd, nullptr);
        ::close(each.fd);
        each.fd = connect_to(options);
        if (each.fd < 0) {  // the server is going: what was answered is told all the same
          if (--open == 0) end = 0;
          continue;
        }
        epoll_event event{EPOLLIN, {.ptr = &each}};
        epoll_ctl(poll, EPOLL_CTL_ADD, each.fd, &event);
      }
      each.sent_at = now_ns();
      send_all(each.fd, text);
    }
  }
  const double counted_s = static_cast<double>(now_ns() - counted_from) / 1e9;
  std::sort(latencies.begin(), latencies.end());
  std::printf(
      R"({"requests":%zu,"per_s":%.0f,"p50_ms":%.4f,"p90_ms":%.4f,"p99_ms":%.4f,"failed":%lld,"hits":%lld})"
      "\n",
      latencies.size(), static_cast<double>(latencies.size()) / counted_s, at(latencies, 0.5),
      at(latencies, 0.9), at(latencies, 0.99), failed, hits);
  return 0;
}

// The clock each event carries; calls `token` with it.
template <typename Token>
void read_events(Connection& connection, std::string_view piece, Token&& token) {
  while (!piece.empty()) {
    const std::size_t end = piece.find('\n');
    connection.line.append(piece.substr(0, end));
    if (end == std::string_view::npos) return;
    piece.remove_prefix(end + 1);
    const std::size_t at_t = connection.line.find("@t=");
    if (at_t != std::string::npos) {
      long long written = 0;
      std::from_chars(connection.line.data() + at_t + 3, connection.line.data() + connection.line.size(),
                      written);
      token(written);
    }
    connection.line.clear();
  }
}

int run_streams(const Options& options) {
  const std::string body =
      R"({"model":"mock","stream":true,"messages":[{"role":"user","content":"go"}],"mock":{"tokens":)" +
      std::to_string(options.tokens) + R"(,"rate":)" + std::to_string(options.rate) + R"(,"timed":true}})";
  const std::string text = request_text(options, body);
  const int poll = epoll_create1(0);
  std::vector<Connection> all(static_cast<std::size_t>(options.connections));
  std::vector<double> delays;
  delays.reserve(static_cast<std::size_t>(options.connections) * static_cast<std::size_t>(options.tokens));
  std::size_t started = 0, ended = 0, failed = 0;
  std::vector<char> buffer(256 << 10);
  std::vector<epoll_event> events(4096);
  const long long start = now_ns();
  // Started evenly over a second, as clients come; each has its time and 20 s more.
  const double between_ns = options.start_over * 1e9 / options.connections;
  const long long latest =
      start + static_cast<long long>((options.start_over + options.tokens / options.rate + 20) * 1e9);
  while (ended < all.size() && now_ns() < latest) {
    while (started < all.size() &&
           now_ns() >= start + static_cast<long long>(between_ns * static_cast<double>(started))) {
      Connection& each = all[started++];
      each.fd = connect_to(options);
      if (each.fd < 0) {
        ++failed;
        ++ended;
        continue;
      }
      epoll_event event{EPOLLIN, {.ptr = &each}};
      epoll_ctl(poll, EPOLL_CTL_ADD, each.fd, &event);
      send_all(each.fd, text);
    }
    const int n =
        epoll_wait(poll, events.data(), static_cast<int>(events.size()), started < all.size() ? 1 : 100);
    for (int i = 0; i < n; ++i) {
      auto& each = *static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
      const ssize_t got = ::recv(each.fd, buffer.data(), buffer.size(), 0);
      const long long now = now_ns();
      bool whole = false;
      if (got > 0)
        whole = each.answer.feed({buffer.data(), static_cast<std::size_t>(got)}, [&](std::string_view piece) {
          read_events(each, piece, [&](long long written) {
            ++each.tokens;
            delays.push_back(static_cast<double>(now - written) / 1e6);
          });
        });
      if (got > 0 && !whole) continue;
      ++ended;
      if (!whole || each.answer.status != 200) ++failed;
      epoll_ctl(poll, EPOLL_CTL_DEL, each.fd, nullptr);
      ::close(each.fd);
    }
  }
  const double expected = static_cast<double>(options.connections) * options.tokens;
  std::sort(delays.begin(), delays.end());
  std::printf(
      R"({"streams":%d,"delivered":%.6f,"p50_ms":%.4f,"p99_ms":%.4f,"max_ms":%.4f,"seconds":%.2f,"failed":%zu})"
      "\n",
      options.connections, static_cast<double>(delays.size()) / expected, at(delays, 0.5), at(delays, 0.99),
      delays.empty() ? 0.0 : delays.back(), static_cast<double>(now_ns() - start) / 1e9,
      failed + (all.size() - ended));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  options.mode = argc > 1 ? argv[1] : "";
  bool url = false;
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i], value = argv[i + 1];
    const std::string text(value);
    if (name == "--url") url = read_url(value, options);
    if (name == "--connections") options.connections = std::atoi(text.c_str());
    if (name == "--seconds") options.seconds = std::atof(text.c_str());
    if (name == "--tokens") options.tokens = std::atoi(text.c_str());
    if (name == "--rate") options.rate = std::atof(text.c_str());
    if (name == "--body") options.body = text;
    if (name == "--header") options.headers += text + "\r\n";
  }
  if (!url || (options.mode != "requests" && options.mode != "streams")) {
    std::fprintf(stderr,
                 "usage: load requests|streams --url URL --connections N ... (see the top of load.cpp)\n");
    return 2;
  }
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  return options.mode == "requests" ? run_requests(options) : run_streams(options);
}
