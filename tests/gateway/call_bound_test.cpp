// One thing asked for is one call; several, or words of number, allow more.
#include "gateway/call_bound.h"

#include <gtest/gtest.h>

namespace studio {
namespace {

TEST(CallBound, OneThingIsOneCall) {
  for (const char* text :
       {"What's the weather in Paris right now?", "Make the bathroom 23.5 degrees.", "Che tempo fa a Napoli?",
        "Convert 1,000 euros to dollars.", "Write \"one, two and three\" in the center.", "",
        "Delete event 4711.", "Spegni la luce del corridoio.", "Wie ist das Wetter in Berlin?",
        "Square root of 2209, please.", "Apri la porta, per favore."})
    EXPECT_EQ(calls_asked_for(text, 8), 1) << text;
}

TEST(CallBound, SeveralThingsAreCountedUpwards) {
  EXPECT_EQ(calls_asked_for("What's the weather in Rome and in Berlin?", 8), 2);
  EXPECT_EQ(calls_asked_for("Weather in Tokyo, Lima, Cairo", 8), 3);
  EXPECT_EQ(calls_asked_for("Chiudi la porta e spegni la luce, poi suona.", 8), 4);
  EXPECT_EQ(calls_asked_for("Wetter in Rom und Berlin", 8), 2);
  EXPECT_EQ(calls_asked_for("lock the door\nset a timer\n\n- dim the light", 8), 3);
  EXPECT_EQ(calls_asked_for("東京、大阪", 8), 2);
  for (const char* text : {"Turn on both kitchen lights.", "Compare the weather of Tokyo with Lima.",
                           "Spegni tutte le luci", "The three largest cities", "alle Lampen aus"})
    EXPECT_EQ(calls_asked_for(text, 8), 8) << text;
  EXPECT_EQ(calls_asked_for("a, b, c, d, e and f", 3), 3);
}

}  // namespace
}  // namespace studio
