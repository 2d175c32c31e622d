// Templates: what they fill in, and what is no template.
#include "rule/template.h"

#include <gtest/gtest.h>

#include <limits>

namespace rule {
namespace {

std::string Filled(std::string_view text, double value = 0) {
  const auto parsed = Template::Parse(text);
  if (!parsed) {
    return "parse: " + parsed.error().message;
  }
  const auto out = parsed->Expand({{"ip", "192.0.2.1"}, {"host", "web1.example:443"}}, value);
  return out ? *out : "expand: " + out.error().message;
}

TEST(Template, FillsInLabelsAndValue) {
  EXPECT_EQ(Filled("no braces } { here"), "no braces } { here");
  EXPECT_EQ(Filled("{{ $labels.ip }}={{$value}}", 80.5), "192.0.2.1=80.5");
  EXPECT_EQ(Filled("{{ .Labels.ip }} {{ .Value }}", 1e21), "192.0.2.1 1e+21");
  EXPECT_EQ(Filled("[{{ $labels.none }}]"), "[]");
  EXPECT_EQ(Filled("a  {{- \" b \" -}}  c"), "a b c");
  EXPECT_EQ(Filled("a{{/* note */}}b"), "ab");
  EXPECT_EQ(Filled("{{ `raw` }}{{ 3 }}{{ 1.5 }}{{ true }}"), "raw31.5true");
}

TEST(Template, HasTheFunctionsThatPeopleUse) {
  EXPECT_EQ(Filled("{{ $value | humanize }}", 1234567), "1.235M");
  EXPECT_EQ(Filled("{{ humanize $value }}", 0.0123), "12.3m");
  EXPECT_EQ(Filled("{{ $value | humanize }}", -1500), "-1.5k");
  EXPECT_EQ(Filled("{{ $value | humanize1024 }}", 1048576), "1Mi");
  EXPECT_EQ(Filled("{{ $value | humanizePercentage }}", 0.8123), "81.23%");
  EXPECT_EQ(Filled("{{ $value | humanizeDuration }}", 93784), "1d 2h 3m 4s");
  EXPECT_EQ(Filled("{{ $value | humanizeDuration }}", 3661), "1h 1m 1s");
  EXPECT_EQ(Filled("{{ $value | humanizeDuration }}", 61), "1m 1s");
  EXPECT_EQ(Filled("{{ $value | humanizeDuration }}", 1.5), "1.5s");
  EXPECT_EQ(Filled("{{ $value | humanizeDuration }}", 0.0015), "1.5ms");
  EXPECT_EQ(Filled("{{ $value | humanizeDuration }}", std::numeric_limits<double>::infinity()),
            "+Inf");
  EXPECT_EQ(Filled("{{ $value | humanizeTimestamp }}", 1435065584.128),
            "2015-06-23 13:19:44.128 +0000 UTC");
  EXPECT_EQ(Filled("{{ $value | printf \"%.2f\" }}", 80.456), "80.46");
  EXPECT_EQ(Filled("{{ printf \"%s|%5.1f|%d%%\" $labels.ip $value 7 }}", 2), "192.0.2.1|  2.0|7%");
  EXPECT_EQ(Filled("{{ printf \"%d\" $value }}", 2), "%!d(float64=2)");
  EXPECT_EQ(Filled("{{ printf \"%s %q\" \"a\" }}"), "a %!q(MISSING)");
  EXPECT_EQ(Filled("{{ \"hello big world\" | title }}"), "Hello Big World");
  EXPECT_EQ(Filled("{{ $labels.host | toUpper }}"), "WEB1.EXAMPLE:443");
  EXPECT_EQ(Filled("{{ toLower \"ABC\" }}"), "abc");
  EXPECT_EQ(Filled("{{ $labels.host | stripPort }}"), "web1.example");
  EXPECT_EQ(Filled("{{ $labels.host | stripDomain }}"), "web1:443");
  EXPECT_EQ(Filled("{{ reReplaceAll \"(.*):(.*)\" \"$2/$1\" $labels.host }}"), "443/web1.example");
  EXPECT_EQ(Filled("{{ match \"^web\" $labels.host }}"), "true");
  EXPECT_EQ(Filled("{{ parseDuration \"1h30m\" }}"), "5400");
  EXPECT_EQ(Filled("{{ len \"abc\" }}"), "3");
  EXPECT_EQ(Filled("{{ (printf \"%.0f\" $value) | printf \"<%s>\" }}", 3), "<3>");
}

TEST(Template, Decides) {
  constexpr auto kText =
      "{{ if eq $value 0.0 }}none{{ else if gt $value 5.0 }}much{{ else }}some{{ end }}";
  EXPECT_EQ(Filled(kText, 0), "none");
  EXPECT_EQ(Filled(kText, 9), "much");
  EXPECT_EQ(Filled(kText, 3), "some");
  EXPECT_EQ(Filled("{{ if and $labels.ip (not $labels.none) }}x{{ end }}"), "x");
  EXPECT_EQ(Filled("{{ if ne $labels.ip \"1\" }}x{{ end }}y"), "xy");
  EXPECT_EQ(Filled("{{ eq \"a\" $value }}"),
            "expand: error calling eq: incompatible types for comparison");
}

TEST(Template, RefusesWhatIsNone) {
  EXPECT_EQ(Filled("{{ $value | humanise }}"),
            "parse: function \"humanise\" not defined (did you mean \"humanize\"?)");
  EXPECT_EQ(Filled("{{ query \"up\" }}"), "parse: function \"query\" not defined");
  EXPECT_EQ(Filled("{{ range $x }}"), "parse: {{ range }} is not supported");
  EXPECT_EQ(Filled("{{ $nope }}"), "parse: undefined variable \"$nope\"");
  EXPECT_EQ(Filled("{{ $labels.ip "), "parse: unclosed {{");
  EXPECT_EQ(Filled("{{ }}"), "parse: missing value in {{ }}");
  EXPECT_EQ(Filled("{{ if true }}x"), "parse: {{ if }} without {{ end }}");
  EXPECT_EQ(Filled("{{ end }}"), "parse: unexpected {{end}}");
  EXPECT_EQ(Filled("{{ humanize }}"),
            "parse: wrong number of arguments for humanize: want 1, got 0");
  EXPECT_EQ(Filled("{{ \"abc }}"), "parse: unterminated quoted string");
  EXPECT_EQ(Filled("{{ \"x\" | humanize }}"),
            "expand: error calling humanize: \"x\" is not a number");
  std::string deep = "{{ ";
  deep.append(100'000, '(');
  EXPECT_EQ(Filled(deep).substr(0, 6), "parse:");
}

}  // namespace
}  // namespace rule
