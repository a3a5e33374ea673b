// Images by URL come only from allowed hosts at public addresses, through redirects and changing names too.
#include "gateway/image_urls.h"

#include <atomic>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "support/fake_http_server.h"

namespace studio {
namespace {

using namespace std::string_literals;

const std::string kPng = "\x89PNG\r\n\x1a\n"s + std::string(30, '\0');

IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}

TEST(IpAddress, SpecialOnesAreNotPublic) {
  for (const char* text : {"127.0.0.1",
                           "127.255.255.255",
                           "10.1.2.3",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.168.1.1",
                           "169.254.169.254",
                           "100.64.0.1",
                           "100.127.255.255",
                           "0.0.0.0",
                           "0.1.2.3",
                           "192.0.2.1",
                           "198.18.0.1",
                           "198.51.100.7",
                           "203.0.113.9",
                           "224.0.0.1",
                           "239.255.255.255",
                           "240.0.0.1",
                           "255.255.255.255",
                           "::",
                           "::1",
                           "::ffff:127.0.0.1",
                           "::ffff:10.0.0.1",
                           "::ffff:169.254.169.254",
                           "::127.0.0.1",
                           "fc00::1",
                           "fd12:3456::1",
                           "fe80::1",
                           "fec0::1",
                           "ff02::1",
                           "2001:db8::1",
                           "2002:7f00:1::",
                           "2001:0:1::",
                           "64:ff9b::7f00:1",
                           "64:ff9b:1::1",
                           "100::1",
                           "3fff::1"})
    EXPECT_FALSE(is_public(ip(text))) << text;
  for (const char* text :
       {"1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "192.169.0.1",
        "169.253.1.1", "223.255.255.255", "2606:4700:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8"})
    EXPECT_TRUE(is_public(ip(text))) << text;
}

TEST(IpAddress, OnlyPlainNumbersAreRead) {
  EXPECT_EQ(ip("::ffff:1.2.3.4").to_string(), "1.2.3.4");
  EXPECT_EQ(ip("2001:DB8:0::1").to_string(), "2001:db8::1");
  for (const char* text :
       {"127.1", "0x7f000001", "2130706433", "0177.0.0.1", "1.2.3.4.5", "example.org", "", "::1%lo"})
    EXPECT_FALSE(IpAddress::parse(text)) << text;
}

class FetchTest : public ::testing::Test {
 protected:
  std::atomic<int> asked_{0};
  testing::FakeRequest last_;
  testing::FakeHttpServer server_{
      [this](const testing::FakeRequest& request, testing::FakeConnection& connection) {
        ++asked_;
        last_ = request;
        if (request.target == "/a.png")
          connection.answer(200, kPng, "Content-Type: text/plain\r\n");
        else if (request.target == "/page")
          connection.answer(200, "<html>secret</html>", "Content-Type: image/png\r\n");
        else if (request.target == "/to")
          connection.answer(302, "", "Location: a.png\r\n");
        else if (request.target == "/away")
          connection.answer(302, "", "Location: http://evil.org/a.png\r\n");
        else if (request.target == "/inside")
          connection.answer(302, "", "Location: http://127.0.0.1/\r\n");
        else if (request.target == "/round")
          connection.answer(302, "", "Location: /round\r\n");
        else if (request.target == "/file")
          connection.answer(302, "", "Location: file:///etc/passwd\r\n");
        else if (request.target == "/large")
          connection.answer(200, kPng + std::string(300000, 'x'));
        else
          connection.answer(404, "gone");
      },
      testing::FakeHttpServer::On::loopback};
  ImageFetchOptions options_;
  std::string port_;

  FetchTest() {
    port_ = server_.endpoint().base_url.substr(server_.endpoint().base_url.rfind(':') + 1);
    options_.allowed_hosts = {"pictures.example:" + port_, "*.cdn.example:" + port_};
    options_.allow_loopback = true;
    options_.resolve = [](const std::string& host) -> Result<std::vector<IpAddress>> {
      if (host == "inside.cdn.example") return std::vector{ip("192.168.1.1")};
      if (host == "mixed.cdn.example") return std::vector{ip("8.8.8.8"), ip("10.0.0.1")};
      if (host == "metadata.cdn.example") return std::vector{ip("::ffff:169.254.169.254")};
      return std::vector{ip("127.0.0.1")};
    };
  }
  std::string url(std::string_view path, std::string_view host = "pictures.example") {
    return "http://" + std::string(host) + ":" + port_ + std::string(path);
  }
  std::string refused(const std::string& url) {
    const auto image = fetch_image(url, options_);
    return image ? "fetched" : image.error().message;
  }
};

TEST_F(FetchTest, AnAllowedImageComesFromTheCheckedAddress) {
  const auto image = fetch_image(url("/a.png"), options_);
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->media_type, "image/png");  // by its bytes, whatever the server says
  EXPECT_EQ(image->bytes, kPng);
  EXPECT_EQ(last_.header("Host"), "pictures.example:" + port_);
  EXPECT_TRUE(fetch_image(url("/to"), options_));
  EXPECT_TRUE(fetch_image(url("/a.png", "EU.cdn.example."), options_));
}

TEST_F(FetchTest, OtherHostsPortsAndSchemesAreNotEvenAsked) {
  for (const std::string& bad :
       {url("/a.png", "evil.org"), url("/a.png", "cdn.example"), url("/a.png", "xcdn.example"),
        url("/a.png", "pictures.example.evil.org"), "http://pictures.example/a.png"s,
        "http://pictures.example:1/a.png"s, "ftp://pictures.example/a.png"s, "file:///etc/passwd"s,
        "http://u:p@pictures.example:"s + port_ + "/a.png"s,
        "http://evil.org\\@pictures.example:"s + port_ + "/a.png"s, "http://127.0.0.1:"s + port_ + "/a.png"s,
        "http://[::1]:"s + port_ + "/a.png"s, "http://"s, ""s, "http://pictures.example:99999999/a.png"s,
        "http://pictures.example:"s + port_ + "/a b.png"s})
    EXPECT_NE(refused(bad), "fetched") << bad;
  EXPECT_EQ(asked_, 0);
  options_.allowed_hosts.clear();
  EXPECT_TRUE(refused(url("/a.png")).contains("not allowed"));
}

TEST_F(FetchTest, NamesThatLeadInsideAreRefused) {
  for (const char* host : {"inside.cdn.example", "mixed.cdn.example", "metadata.cdn.example"})
    EXPECT_TRUE(refused(url("/a.png", host)).contains("no public address")) << host;
  options_.allow_loopback = false;
  EXPECT_TRUE(refused(url("/a.png")).contains("no public address"));
  EXPECT_EQ(asked_, 0);
}

TEST_F(FetchTest, ANameThatChangesBetweenLookAndConnectChangesNothing) {
  int looks = 0;
  options_.resolve = [&](const std::string&) -> Result<std::vector<IpAddress>> {
    ++looks;
    return std::vector{ip("127.0.0.1")};
  };
  EXPECT_TRUE(fetch_image(url("/a.png"), options_));
  EXPECT_EQ(looks, 1);  // the connection does not ask again
}

TEST_F(FetchTest, RedirectsAreCheckedLikeTheFirst) {
  EXPECT_TRUE(refused(url("/away")).contains("evil.org"));
  EXPECT_TRUE(refused(url("/inside")).contains("127.0.0.1"));
  EXPECT_TRUE(refused(url("/file")).contains("scheme"));
  EXPECT_TRUE(refused(url("/round")).contains("3 times"));
  EXPECT_LE(asked_, 7);
}

TEST_F(FetchTest, WhatIsNoImageOrTooLargeIsRefusedWithoutBeingShown) {
  EXPECT_FALSE(refused(url("/page")).contains("secret"));
  EXPECT_TRUE(refused(url("/gone")).contains("404"));
  options_.max_bytes = 100000;
  const auto large = fetch_image(url("/large"), options_);
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().kind, ErrorKind::limit_exceeded);
}

TEST_F(FetchTest, MessagesGetTheImageInline) {
  Json request = parse_json(R"({"messages": [{"role": "user", "content": "x"}, {"role": "user", "content": [
      {"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": ")" +
                                url("/a.png") + R"("}},
      {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}]})",
                            "test")
                     .value();
  EXPECT_EQ(image_use(request).images, 2);
  EXPECT_EQ(image_use(request).by_url, 1);
  ASSERT_TRUE(inline_images(request, options_));
  EXPECT_EQ(image_use(request).by_url, 0);
  const std::string got = request["messages"][1]["content"][1]["image_url"]["url"];
  ASSERT_TRUE(got.starts_with("data:image/png;base64,"));
  EXPECT_EQ(base64_decode(got.substr(22)).value(), kPng);
  request["messages"][1]["content"][2]["image_url"]["url"] = "data:text/html,hi";
  const auto refused_data = inline_images(request, options_);
  ASSERT_FALSE(refused_data);
  EXPECT_TRUE(refused_data.error().message.starts_with("messages[1].content[2].image_url.url: "));
}

}  // namespace
}  // namespace studio
