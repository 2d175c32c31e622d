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

/// With a query that knows three series, and surroundings.
std::string Asked(std::string_view text) {
  const auto parsed = Template::Parse(text);
  if (!parsed) {
    return "parse: " + parsed.error().message;
  }
  const TemplateQuery query =
      [](const std::string& expr) -> base::Result<std::vector<std::pair<model::Labels, double>>> {
    if (expr == "none") {
      return std::vector<std::pair<model::Labels, double>>();
    }
    if (expr == "bad") {
      return base::Fail(base::ErrorKind::kInvalid, "parse error");
    }
    return std::vector<std::pair<model::Labels, double>>{
        {{{"host", "c"}}, 3}, {{{"host", "a"}, {"up", "yes"}}, 1}, {{{"host", "b"}}, 2.5}};
  };
  const Surroundings around{{{"site", "bkk"}}, "https://r.example/x/"};
  const model::Labels labels{{"ip", "192.0.2.1"}};
  const auto out = parsed->Expand({&labels, 7, &around, &query});
  return out ? *out : "expand: " + out.error().message;
}

TEST(Template, AsksAndWalksOverWhatItGets) {
  EXPECT_EQ(Asked("{{ range query \"up\" }}{{ .Labels.host }}={{ .Value }} {{ end }}"),
            "c=3 a=1 b=2.5 ");
  EXPECT_EQ(Asked("{{ range $i, $s := query \"up\" | sortByLabel \"host\" }}{{ if $i }},{{ end }}"
                  "{{ label \"host\" $s }}{{ value $s }}{{ end }}"),
            "a1,b2.5,c3");
  EXPECT_EQ(Asked("{{ query \"up\" | first | value | printf \"%.2f\" }}"), "3.00");
  EXPECT_EQ(Asked("{{ (query \"up\" | first).Labels.host }}"), "c");
  EXPECT_EQ(Asked("{{ with query \"none\" }}x{{ else }}nothing{{ end }}"), "nothing");
  EXPECT_EQ(Asked("{{ range query \"none\" }}x{{ else }}nothing{{ end }}"), "nothing");
  EXPECT_EQ(Asked("{{ range query \"up\" }}{{ if eq .Value 1.0 }}{{ continue }}{{ end }}"
                  "{{ if gt .Value 2.6 }}big{{ else }}{{ break }}{{ end }}{{ end }}"),
            "big");
  EXPECT_EQ(Asked("{{ len (query \"up\") }}{{ index (query \"up\") 1 }}"),
            "3map[Labels:map[host:a up:yes] Value:1]");
  EXPECT_EQ(Asked("{{ query \"none\" | first }}"),
            "expand: error calling first: first() called on vector with no elements");
  EXPECT_EQ(Asked("{{ query \"bad\" }}"), "expand: error calling query: parse error");
}

TEST(Template, HasVariables) {
  EXPECT_EQ(Asked("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $y := 5 }}{{ $y }}{{ end }}{{ $x }}"),
            "52");
  EXPECT_EQ(Asked("{{ with $h := $labels.ip }}{{ $h }} {{ . }} {{ $.Value }}{{ end }}"),
            "192.0.2.1 192.0.2.1 7");
  EXPECT_EQ(Asked("{{ range $k, $v := $externalLabels }}{{ $k }}:{{ $v }}{{ end }}"), "site:bkk");
  EXPECT_EQ(Asked("{{ with args 1 \"b\" }}{{ .arg0 }}{{ .arg1 }}{{ end }}{{ $labels }}"),
            "1bmap[ip:192.0.2.1]");
}

TEST(Template, KnowsItsSurroundings) {
  EXPECT_EQ(
      Asked("{{ $externalLabels.site }} {{ .ExternalURL }} {{ externalURL }} {{ pathPrefix }}"),
      "bkk https://r.example/x/ https://r.example/x/ /x");
  EXPECT_EQ(Asked("{{ tableLink \"a{b=\\\"c\\\"} > 1\" }}"),
            "/graph?g0.expr=a%7Bb%3D%22c%22%7D+%3E+1&g0.tab=1");
  EXPECT_EQ(Asked("{{ safeHtml \"<b>\" }}{{ html \"<b>\" }}{{ urlquery \"a b&c\" }}"),
            "<b>&lt;b&gt;a+b%26c");
}

TEST(Template, IsBounded) {
  std::string text = "{{ range query \"up\" }}";
  for (int i = 0; i < 12; ++i) {
    text += "{{ range query \"up\" }}";
  }
  text += "x";
  for (int i = 0; i < 13; ++i) {
    text += "{{ end }}";
  }
  EXPECT_EQ(Asked(text), "expand: the template gives too much text");
}

TEST(Template, RefusesWhatIsNone) {
  EXPECT_EQ(Filled("{{ $value | humanise }}"),
            "parse: function \"humanise\" not defined (did you mean \"humanize\"?)");
  EXPECT_EQ(Filled("{{ define \"x\" }}"), "parse: {{ define }} is not supported");
  EXPECT_EQ(Filled("{{ break }}"), "parse: {{break}} outside {{range}}");
  EXPECT_EQ(Filled("{{ range $x }}"), "parse: undefined variable \"$x\"");
  EXPECT_EQ(Filled("{{ with 1 }}{{ $y := 2 }}{{ end }}{{ $y }}"),
            "parse: undefined variable \"$y\"");
  EXPECT_EQ(Filled("{{ range query \"up\" }}x"), "parse: {{ range }} without {{ end }}");
  EXPECT_EQ(Filled("{{ .Nope }}"), "expand: can't evaluate field Nope");
  EXPECT_EQ(Filled("{{ $value.x }}"), "expand: can't evaluate field x in 0");
  EXPECT_EQ(Filled("{{ range $value }}{{ end }}"), "expand: range can't iterate over 0");
  EXPECT_EQ(Filled("{{ query \"up\" }}"), "expand: error calling query: there is nothing to ask");
  EXPECT_EQ(Filled("{{ $nope }}"), "parse: undefined variable \"$nope\"");
  EXPECT_EQ(Filled("{{ $labels.ip "), "parse: unclosed {{");
  EXPECT_EQ(Filled("{{ }}"), "parse: missing value in {{ }}");
  EXPECT_EQ(Filled("{{ if true }}x"), "parse: {{ if }} without {{ end }}");
  EXPECT_EQ(Filled("{{ end }}"), "parse: unexpected {{end}}");
  EXPECT_EQ(Filled("{{ humanize }}"), "parse: wrong number of args for humanize: want 1 got 0");
  EXPECT_EQ(Filled("{{ \"abc }}"), "parse: unterminated quoted string");
  EXPECT_EQ(Filled("{{ \"x\" | humanize }}"),
            "expand: error calling humanize: \"x\" is not a number");
  std::string deep = "{{ ";
  deep.append(100'000, '(');
  EXPECT_EQ(Filled(deep).substr(0, 6), "parse:");
}

}  // namespace
}  // namespace rule
