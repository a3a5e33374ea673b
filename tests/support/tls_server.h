// An HTTPS server with a certificate of its own authority, made when it starts: for tests of whom a client
// trusts.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <csignal>

namespace studio::testing {

// Answers every request with 200 and `body`, then closes. The certificate is for `names` in OpenSSL's words
// ("IP:127.0.0.1", "DNS:engine.example").
class TlsServer {
 public:
  explicit TlsServer(const std::string& names, std::string body = R"({"object":"list","data":[]})")
      : body_(std::move(body)) {
    const Key root_key(EVP_EC_gen("P-256"));
    const Key key(EVP_EC_gen("P-256"));
    const Cert root = certificate("test authority", "", root_key.get(), nullptr, root_key.get());
    const Cert own = certificate("test server", names, key.get(), root.get(), root_key.get());
    BIO* text = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(text, root.get());
    char* data = nullptr;
    const long length = BIO_get_mem_data(text, &data);
    authority_.assign(data, static_cast<std::size_t>(length));
    BIO_free(text);
    context_.reset(SSL_CTX_new(TLS_server_method()));
    SSL_CTX_use_certificate(context_.get(), own.get());
    SSL_CTX_use_PrivateKey(context_.get(), key.get());
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
    ::listen(listener_, 8);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](std::stop_token stop) { serve(stop); });
  }
  ~TlsServer() {
    thread_.request_stop();
    thread_.join();
    ::close(listener_);
  }

  int port() const { return port_; }
  const std::string& authority() const { return authority_; }  // PEM
  int requests() const { return requests_; }                   // that came through a handshake

 private:
  template <auto Free>
  struct By {
    template <typename T>
    void operator()(T* thing) const {
      Free(thing);
    }
  };
  using Key = std::unique_ptr<EVP_PKEY, By<EVP_PKEY_free>>;
  using Cert = std::unique_ptr<X509, By<X509_free>>;

  static Cert certificate(const char* subject, const std::string& names, EVP_PKEY* key, X509* issuer,
                          EVP_PKEY* issuer_key) {
    Cert made(X509_new());
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), issuer ? 2 : 1);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
    X509_set_pubkey(made.get(), key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(subject), -1, -1, 0);
    X509_set_issuer_name(made.get(), X509_get_subject_name(issuer ? issuer : made.get()));
    const auto extend = [&](int nid, const std::string& value) {
      X509V3_CTX context;
      X509V3_set_ctx(&context, issuer ? issuer : made.get(), made.get(), nullptr, nullptr, 0);
      X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
      X509_add_ext(made.get(), extension, -1);
      X509_EXTENSION_free(extension);
    };
    extend(NID_basic_constraints, issuer ? "critical,CA:FALSE" : "critical,CA:TRUE");
    if (!names.empty()) extend(NID_subject_alt_name, names);
    X509_sign(made.get(), issuer_key, EVP_sha256());
    return made;
  }

  void serve(std::stop_token stop) {
    sigset_t pipe;  // a client that refuses the certificate closes while OpenSSL still writes
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    while (!stop.stop_requested()) {
      pollfd waiting{listener_, POLLIN, 0};
      if (::poll(&waiting, 1, 20) <= 0) continue;
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      const timeval patience{5, 0};
      ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      SSL* tls = SSL_new(context_.get());
      SSL_set_fd(tls, fd);
      if (SSL_accept(tls) == 1) answer(tls);
      SSL_free(tls);
      ::close(fd);
    }
  }
  void answer(SSL* tls) {
    std::string request;
    char piece[4096];
    while (!request.contains("\r\n\r\n")) {
      const int got = SSL_read(tls, piece, sizeof piece);
      if (got <= 0) return;
      request.append(piece, static_cast<std::size_t>(got));
    }
    ++requests_;
    const std::string head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ";
    const std::string whole = head + std::to_string(body_.size()) + "\r\n\r\n" + body_;
    SSL_write(tls, whole.data(), static_cast<int>(whole.size()));
    SSL_shutdown(tls);
  }

  std::string body_, authority_;
  std::unique_ptr<SSL_CTX, By<SSL_CTX_free>> context_;
  int listener_ = -1, port_ = 0;
  std::atomic<int> requests_{0};
  std::jthread thread_;
};

}  // namespace studio::testing
