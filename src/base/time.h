// Exact time: rational seconds, half-open ranges, frame rates. Doubles only at the edge.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace studio {

// A reduced fraction with a positive denominator. Frame rates are Rationals (30000/1001).
struct Rational {
  std::int64_t num = 0;
  std::int64_t den = 1;

  static Rational reduced(std::int64_t num, std::int64_t den);
  // "30000/1001", "25"; an error for anything else or a zero denominator.
  static Result<Rational> parse(std::string_view text);

  double to_double() const { return static_cast<double>(num) / static_cast<double>(den); }
  std::string to_string() const;  // "num/den", always with the slash
  bool positive() const { return num > 0 && den > 0; }
  friend bool operator==(const Rational&, const Rational&) = default;
};

std::strong_ordering operator<=>(const Rational& a, const Rational& b);
Rational operator*(const Rational& a, const Rational& b);
Rational operator/(const Rational& a, const Rational& b);

enum class Rounding { down, nearest, up };

// A point in time or a duration, as an exact rational number of seconds.
// Sums of common video and audio timebases stay exact; only when a result would not fit
// 64 bits is it rounded to the nearest 1/705,600,000 s (the "flick", which divides all
// common frame and sample rates).
class Time {
 public:
  constexpr Time() = default;
  static Time ticks(std::int64_t ticks, Rational base);    // ticks * base seconds
  static Time frames(std::int64_t frames, Rational rate);  // frames / rate seconds
  // For values that come from people or models. Rounded to the nearest microsecond.
  static Time from_seconds(double seconds);

  double seconds() const { return value_.to_double(); }
  Rational rational() const { return value_; }
  // Number of ticks of `base` seconds in this time.
  std::int64_t to_ticks(Rational base, Rounding rounding = Rounding::nearest) const;
  std::int64_t to_frames(Rational rate, Rounding rounding = Rounding::nearest) const;

  Time operator-() const;
  friend Time operator+(Time a, Time b);
  friend Time operator-(Time a, Time b);
  friend Time operator*(Time a, Rational factor);
  friend Time operator/(Time a, Rational divisor);
  Time& operator+=(Time other) { return *this = *this + other; }
  Time& operator-=(Time other) { return *this = *this - other; }
  friend bool operator==(Time a, Time b) { return a.value_ == b.value_; }
  friend std::strong_ordering operator<=>(Time a, Time b) { return a.value_ <=> b.value_; }

 private:
  explicit Time(Rational value) : value_(value) {}
  Rational value_{0, 1};
};

// Half-open: [start, start + duration).
struct TimeRange {
  Time start;
  Time duration;

  static TimeRange between(Time start, Time end) { return {start, end - start}; }
  Time end() const { return start + duration; }
  bool empty() const { return duration <= Time{}; }
  bool contains(Time t) const { return t >= start && t < end(); }
  friend bool operator==(const TimeRange&, const TimeRange&) = default;
};

bool overlaps(const TimeRange& a, const TimeRange& b);
TimeRange intersection(const TimeRange& a, const TimeRange& b);  // empty() when disjoint

// "1:02.500", "0:07.000": for people.
std::string to_clock(Time t);
// "12.5", "1:02.5", "01:02:03.25" -> Time.
Result<Time> parse_clock(std::string_view text);

}  // namespace studio
