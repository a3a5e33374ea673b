// An HTTP server whose every byte is the test's: for clients that must survive any answer.
#pragma once

#include <atomic>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/files.h"
#include "base/locked.h"
#include "net/http.h"

namespace studio::testing {

struct FakeRequest {
  std::string method, target, body;
  std::string head;  // the request line and all headers, as they came
  std::string header(std::string_view name) const {
    const auto at = head.find("\r\n" + std::string(name) + ": ");
    if (at == std::string::npos) return {};
    const auto start = at + name.size() + 4;
    return head.substr(start, head.find("\r\n", start) - start);
  }
};

// One connection, as the handler sees it. It is closed when the handler returns.
class FakeConnection {
 public:
  FakeConnection(int fd, std::atomic<bool>& ending) : fd_(fd), ending_(ending) {}
  // False once the other side is gone.
  bool write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  void answer(int status, std::string_view body, std::string_view headers = "") {
    write("HTTP/1.1 " + std::to_string(status) + " Told\r\nContent-Length: " + std::to_string(body.size()) +
          "\r\nConnection: close\r\n" + std::string(headers) + "\r\n" + std::string(body));
  }
  void json(std::string_view body, int status = 200) {
    answer(status, body, "Content-Type: application/json\r\n");
  }
  // Returns when the client has hung up (true) or the server ends.
  bool wait_for_hangup() {
    while (!ending_) {
      pollfd end{fd_, POLLIN | POLLRDHUP, 0};
      if (::poll(&end, 1, 20) > 0 && (end.revents & (POLLRDHUP | POLLHUP | POLLERR))) return true;
    }
    return false;
  }

 private:
  int fd_;
  std::atomic<bool>& ending_;
};

class FakeHttpServer {
 public:
  using Handler = std::function<void(const FakeRequest&, FakeConnection&)>;

  enum class On { unix_socket, loopback };
  explicit FakeHttpServer(Handler handler, On on = On::unix_socket)
      : handler_(std::move(handler)), folder_(*ScratchFolder::create("fake")) {
    on == On::unix_socket ? listen_unix() : listen_loopback();
    thread_ = std::jthread([this] { accept_all(); });
  }
  ~FakeHttpServer() {
    ending_ = true;
    thread_.join();
    connections_.clear();
    ::close(fd_);
  }

  const Endpoint& endpoint() const { return endpoint_; }
  std::vector<FakeRequest> requests() const { return copy_locked(mutex_, requests_); }

 private:
  void listen_unix() {
    endpoint_ = {"http://localhost", (folder_.path() / "fake.sock").string()};
    fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, endpoint_.unix_socket.c_str(), sizeof address.sun_path - 1);
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("bind");
    ::listen(fd_, 64);
  }
  void listen_loopback() {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("bind");
    ::listen(fd_, 64);
    socklen_t size = sizeof address;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    endpoint_ = {"http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)), {}};
  }
  void accept_all() {
    while (!ending_) {
      pollfd end{fd_, POLLIN, 0};
      if (::poll(&end, 1, 20) <= 0) continue;
      const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd >= 0) connections_.emplace_back([this, fd] { serve(fd); });
    }
  }
  void serve(int fd) {
    FakeRequest request;
    FakeConnection connection(fd, ending_);
    if (read_request(fd, request)) {
      {
        std::lock_guard lock(mutex_);
        requests_.push_back(request);
      }
      handler_(request, connection);
    }
    ::shutdown(fd, SHUT_RDWR);
    ::close(fd);
  }
  bool read_request(int fd, FakeRequest& request) {
    std::string text;
    char buffer[4096];
    std::size_t body_at = std::string::npos, length = 0;
    while (!ending_) {
      pollfd end{fd, POLLIN, 0};
      if (::poll(&end, 1, 20) <= 0) continue;
      const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
      if (n <= 0) return false;
      text.append(buffer, static_cast<std::size_t>(n));
      if (body_at == std::string::npos && text.find("\r\n\r\n") != std::string::npos) {
        body_at = text.find("\r\n\r\n") + 4;
        request.head = text.substr(0, body_at - 2);
        request.method = text.substr(0, text.find(' '));
        const auto target = request.method.size() + 1;
        request.target = text.substr(target, text.find(' ', target) - target);
        length = std::strtoull(request.header("Content-Length").c_str(), nullptr, 10);
      }
      if (body_at != std::string::npos && text.size() >= body_at + length) {
        request.body = text.substr(body_at, length);
        return true;
      }
    }
    return false;
  }

  const Handler handler_;
  const ScratchFolder folder_;
  Endpoint endpoint_;
  int fd_ = -1;
  std::atomic<bool> ending_{false};
  mutable std::mutex mutex_;  // guards requests_
  std::vector<FakeRequest> requests_;
  std::vector<std::jthread> connections_;  // only touched by the accepting thread and the destructor
  std::jthread thread_;
};

}  // namespace studio::testing
