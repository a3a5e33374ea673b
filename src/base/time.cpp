// Exact rational time arithmetic in 128-bit intermediates.
#include "base/time.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include <fmt/format.h>

namespace studio {
namespace {

using Wide = __int128;
constexpr std::int64_t kFlicksPerSecond = 705'600'000;

Wide gcd(Wide a, Wide b) {
  if (a < 0) a = -a;
  if (b < 0) b = -b;
  while (b != 0) {
    const Wide r = a % b;
    a = b;
    b = r;
  }
  return a;
}

bool fits(Wide v) {
  // Symmetric: the negative of a value that fits must fit too.
  return v <= std::numeric_limits<std::int64_t>::max() &&
         v >= -static_cast<Wide>(std::numeric_limits<std::int64_t>::max());
}

Wide divide(Wide num, Wide den, Rounding rounding) {
  Wide q = num / den;
  Wide r = num % den;
  if (r < 0) {  // floor division
    r += den;
    q -= 1;
  }
  switch (rounding) {
    case Rounding::down: return q;
    case Rounding::up: return r == 0 ? q : q + 1;
    case Rounding::nearest: return 2 * r >= den ? q + 1 : q;
  }
  return q;
}

std::int64_t clamp64(Wide v) {
  if (v > std::numeric_limits<std::int64_t>::max()) return std::numeric_limits<std::int64_t>::max();
  if (v < std::numeric_limits<std::int64_t>::min()) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(v);
}

Rational narrow(Wide num, Wide den) {
  if (den == 0) return {0, 1};
  if (den < 0) {
    num = -num;
    den = -den;
  }
  const Wide g = gcd(num, den);
  if (g > 1) {
    num /= g;
    den /= g;
  }
  if (fits(num) && fits(den)) return {static_cast<std::int64_t>(num), static_cast<std::int64_t>(den)};
  // Too wide: round to flicks. Scale in long double to stay clear of 128-bit overflow.
  const long double seconds = static_cast<long double>(num) / static_cast<long double>(den);
  const long double flicks = std::round(seconds * kFlicksPerSecond);
  const long double top = static_cast<long double>(std::numeric_limits<std::int64_t>::max() / 2);
  const auto clamped = static_cast<std::int64_t>(flicks > top ? top : flicks < -top ? -top : flicks);
  const std::int64_t f = static_cast<std::int64_t>(gcd(clamped, kFlicksPerSecond));
  return {clamped / f, kFlicksPerSecond / f};
}

std::strong_ordering compare(const Rational& a, const Rational& b) {
  const Wide left = static_cast<Wide>(a.num) * b.den;
  const Wide right = static_cast<Wide>(b.num) * a.den;
  return left < right   ? std::strong_ordering::less
         : left > right ? std::strong_ordering::greater
                        : std::strong_ordering::equal;
}

}  // namespace

Rational Rational::reduced(std::int64_t num, std::int64_t den) {
  return narrow(num, den);
}

Result<Rational> Rational::parse(std::string_view text) {
  const auto bad = [&] {
    return fail(ErrorKind::invalid_input,
                fmt::format("read '{}' as a fraction: not of the form num/den", text),
                "write for example 25 or 30000/1001");
  };
  const auto slash = text.find('/');
  const auto parse_int = [](std::string_view t, std::int64_t& out) {
    const auto [end, ec] = std::from_chars(t.data(), t.data() + t.size(), out);
    return ec == std::errc{} && end == t.data() + t.size();
  };
  std::int64_t num = 0;
  std::int64_t den = 1;
  if (!parse_int(text.substr(0, slash), num)) return bad();
  if (slash != std::string_view::npos && !parse_int(text.substr(slash + 1), den)) return bad();
  if (den == 0) return bad();
  return narrow(num, den);
}

std::string Rational::to_string() const {
  return fmt::format("{}/{}", num, den);
}

std::strong_ordering operator<=>(const Rational& a, const Rational& b) {
  return compare(a, b);
}

Rational operator*(const Rational& a, const Rational& b) {
  return narrow(static_cast<Wide>(a.num) * b.num, static_cast<Wide>(a.den) * b.den);
}

Rational operator/(const Rational& a, const Rational& b) {
  return narrow(static_cast<Wide>(a.num) * b.den, static_cast<Wide>(a.den) * b.num);
}

Time Time::ticks(std::int64_t ticks, Rational base) {
  return Time(narrow(static_cast<Wide>(ticks) * base.num, base.den));
}

Time Time::frames(std::int64_t frames, Rational rate) {
  return Time(narrow(static_cast<Wide>(frames) * rate.den, rate.num));
}

Time Time::from_seconds(double seconds) {
  if (!std::isfinite(seconds)) return {};
  constexpr double kLimit = 9.0e12;
  if (seconds > kLimit) seconds = kLimit;
  if (seconds < -kLimit) seconds = -kLimit;
  return Time(narrow(static_cast<Wide>(std::llround(seconds * 1e6)), 1'000'000));
}

std::int64_t Time::to_ticks(Rational base, Rounding rounding) const {
  if (base.num == 0) return 0;
  Wide num = static_cast<Wide>(value_.num) * base.den;
  Wide den = static_cast<Wide>(value_.den) * base.num;
  if (den < 0) {
    num = -num;
    den = -den;
  }
  return clamp64(divide(num, den, rounding));
}

std::int64_t Time::to_frames(Rational rate, Rounding rounding) const {
  return to_ticks(Rational{rate.den, rate.num}, rounding);
}

Time Time::operator-() const {
  return Time({-value_.num, value_.den});
}

Time operator+(Time a, Time b) {
  const Wide den_gcd = gcd(a.value_.den, b.value_.den);
  const Wide left = b.value_.den / den_gcd;
  const Wide right = a.value_.den / den_gcd;
  return Time(narrow(a.value_.num * left + b.value_.num * right, a.value_.den * left));
}

Time operator-(Time a, Time b) {
  return a + (-b);
}
Time operator*(Time a, Rational factor) {
  return Time(a.value_ * factor);
}
Time operator/(Time a, Rational divisor) {
  return Time(a.value_ / divisor);
}

bool overlaps(const TimeRange& a, const TimeRange& b) {
  return a.start < b.end() && b.start < a.end();
}

TimeRange intersection(const TimeRange& a, const TimeRange& b) {
  const Time start = a.start > b.start ? a.start : b.start;
  const Time end = a.end() < b.end() ? a.end() : b.end();
  return end > start ? TimeRange::between(start, end) : TimeRange{start, {}};
}

std::string to_clock(Time t) {
  const bool negative = t < Time{};
  const std::int64_t ms = (negative ? -t : t).to_ticks({1, 1000});
  const std::int64_t s = ms / 1000;
  const std::string tail = fmt::format("{:02}.{:03}", s % 60, ms % 1000);
  const std::string sign = negative ? "-" : "";
  if (s >= 3600) return fmt::format("{}{}:{:02}:{}", sign, s / 3600, s / 60 % 60, tail);
  return fmt::format("{}{}:{}", sign, s / 60, tail);
}

Result<Time> parse_clock(std::string_view text) {
  const auto bad = [&] {
    return fail(ErrorKind::invalid_input,
                fmt::format("read '{}' as a time: not seconds, m:ss or h:mm:ss", text),
                "write for example 12.5, 1:02.5 or 1:00:03");
  };
  double total = 0;
  int parts = 0;
  while (true) {
    const auto colon = text.find(':');
    const std::string part(text.substr(0, colon));
    if (part.empty() || ++parts > 3) return bad();
    for (const char c : part)
      if ((c < '0' || c > '9') && c != '.') return bad();
    char* end = nullptr;
    const double value = std::strtod(part.c_str(), &end);
    if (*end != '\0') return bad();
    total = total * 60 + value;
    if (colon == std::string_view::npos) break;
    text.remove_prefix(colon + 1);
  }
  return Time::from_seconds(total);
}

}  // namespace studio
