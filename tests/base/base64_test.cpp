// Base64 by the test vectors of RFC 4648, section 10, and what must be refused.
#include "base/base64.h"

#include <utility>

#include <gtest/gtest.h>

namespace studio {
namespace {

TEST(Base64, FollowsRfc4648) {
  const std::pair<std::string, std::string> pairs[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"},
                                                       {"\xff\xfe\xfd", "//79"}};
  for (const auto& [bytes, text] : pairs) {
    EXPECT_EQ(base64_encode(bytes), text);
    EXPECT_EQ(base64_decode(text).value(), bytes);
  }
  for (const char* broken : {"A", "AA", "AA=", "A===", "AA=A", "AA\n=", "====", "Zm9-"})
    EXPECT_FALSE(base64_decode(broken)) << broken;
}

}  // namespace
}  // namespace studio
