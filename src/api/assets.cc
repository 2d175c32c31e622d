// Assets: looked up by path; nothing of the request ever becomes part of a system path unchecked.
#include "api/assets.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "api/gzip.h"
#include "base/text.h"

namespace api {
namespace {

constexpr std::size_t kMaxAsset = 64UL << 20;

constexpr std::array<std::pair<std::string_view, std::string_view>, 15> kTypes = {{
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".webp", "image/webp"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".txt", "text/plain; charset=utf-8"},
    {".wasm", "application/wasm"},
}};

bool LooksLikeFile(std::string_view path) { return path.substr(path.rfind('/') + 1).contains('.'); }

bool IsOurs(std::string_view path) {
  return path.starts_with("/api/") || path == "/api" || path.starts_with("/-/");
}

Response NotFound(const Request& request) {
  return IsOurs(request.path) ? JsonError(404, "not_found", "there is no such path")
                              : Text(404, "not found\n");
}

const Asset* FindAsset(std::string_view path) {
  const auto all = Assets();
  const auto at = std::ranges::find(all, path, &Asset::path);
  return at == all.end() ? nullptr : &*at;
}

bool Known(std::string_view if_none_match, std::string_view etag) {
  return if_none_match == "*" ||
         std::ranges::any_of(base::Split(if_none_match, ','), [&](std::string_view part) {
           part = base::Trim(part);
           return part == etag || (part.starts_with("W/") && part.substr(2) == etag);
         });
}

Response FromDisk(const Request& request, const std::string& web_dir, const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code ec;
  const auto root = fs::canonical(web_dir, ec);
  if (ec) {
    return Text(500, "the folder of --web-dir cannot be read\n");
  }
  auto file = fs::weakly_canonical(root / fs::path(path).relative_path(), ec);
  const auto [end, _] = std::ranges::mismatch(root, file);
  if (ec || end != root.end() || !fs::is_regular_file(file, ec)) {
    if (path == "/index.html" || LooksLikeFile(path)) {
      return NotFound(request);
    }
    return FromDisk(request, web_dir, "/index.html");
  }
  std::ifstream in(file, std::ios::binary);
  const auto size = fs::file_size(file, ec);
  if (!in || ec || size > kMaxAsset) {
    return NotFound(request);
  }
  Response out;
  out.body.assign(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  out.content_type = ContentType(file.native());
  return out;
}

}  // namespace

std::string_view ContentType(std::string_view path) {
  for (const auto& [ending, type] : kTypes) {
    if (path.ends_with(ending)) {
      return type;
    }
  }
  return "application/octet-stream";
}

bool HasHashedName(std::string_view path) {
  const auto name = path.substr(path.rfind('/') + 1);
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos) {
    return false;
  }
  const auto stem = name.substr(0, dot);
  const auto begin = stem.find_last_of(".-");
  if (begin == std::string_view::npos) {
    return false;
  }
  const auto hash = stem.substr(begin + 1);
  auto all = [&](int (*test)(int)) {
    return std::ranges::all_of(hash, [&](unsigned char c) { return test(c) != 0; });
  };
  const bool digit =
      std::ranges::any_of(hash, [](unsigned char c) { return std::isdigit(c) != 0; });
  const bool capitals =
      std::ranges::none_of(hash, [](unsigned char c) { return std::islower(c) != 0; });
  return hash.size() >= 8 && all(std::isalnum) && (digit || capitals);
}

Response ServeAsset(const Request& request, const std::string& web_dir) {
  if (IsOurs(request.path)) {
    return NotFound(request);
  }
  const auto path = request.path == "/" ? std::string("/index.html") : request.path;
  if (!web_dir.empty()) {
    return FromDisk(request, web_dir, path);
  }
  const Asset* asset = FindAsset(path);
  if (asset == nullptr && !LooksLikeFile(path)) {
    asset = FindAsset("/index.html");
  }
  if (asset == nullptr) {
    return NotFound(request);
  }
  Response out;
  out.content_type = asset->content_type;
  out.headers.emplace_back("ETag", asset->etag);
  out.headers.emplace_back("Cache-Control", HasHashedName(asset->path)
                                                ? "public, max-age=31536000, immutable"
                                                : "no-cache");
  if (Known(request.Header("if-none-match"), asset->etag)) {
    out.status = 304;
    return out;
  }
  out.body.assign(asset->gzip.begin(), asset->gzip.end());
  if (AcceptsGzip(request.Header("accept-encoding"))) {
    out.gzipped = true;
    out.headers.emplace_back("Content-Encoding", "gzip");
    return out;
  }
  auto plain = Gunzip(out.body, kMaxAsset);
  if (!plain) {
    return Text(500, "the page's file is broken\n");
  }
  out.body = std::move(*plain);
  return out;
}

}  // namespace api
