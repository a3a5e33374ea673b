// What a person wrote stays text in a page.
#include "base/html.h"

#include <gtest/gtest.h>

namespace studio {
namespace {

TEST(Html, NothingEscapedEndsATextOrAnAttribute) {
  EXPECT_EQ(html_escaped("<b class=\"x\" id='y'>R&B</b>"),
            "&lt;b class=&quot;x&quot; id=&#39;y&#39;&gt;R&amp;B&lt;/b&gt;");
  EXPECT_EQ(html_escaped("città"), "città");
}

}  // namespace
}  // namespace studio
