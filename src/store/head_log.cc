// Segments of the head log: framing, finding records again after damage, writing at the end.
#include "store/head_log.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include "store/crc32c.h"

namespace store {
namespace {

using base::ErrorKind;

constexpr std::string_view kMagic("RaksLog\x01", 8);
constexpr std::string_view kMark("RkRw");             // begins a record
constexpr std::size_t kFrame = 4 + 4 + 8 + 8 + 4;     // mark, size, window, seq, checksum
constexpr std::uint64_t kSegmentBytes = 8ULL << 20;   // a longer one is not written to any more
constexpr std::uint64_t kWindowBytes = 256ULL << 10;  // nor this one, when a window begins
constexpr std::size_t kWriteBytes = 1ULL << 20;       // at once, and a record more
constexpr std::size_t kWriteRows = 256;               // at once
constexpr std::string_view kPrefix = "samples-";
constexpr std::string_view kSuffix = ".log";

base::Error ErrorOf(const std::string& path) {
  return {ErrorKind::kUnavailable, path + ": " + std::strerror(errno)};
}

// The checksum of a frame: of what stands before it, and of the store's id, which is not written.
std::uint32_t FrameSum(const void* frame, std::uint64_t id) {
  std::array<std::uint8_t, kFrame - 4 + 8> all{};
  std::memcpy(all.data(), frame, kFrame - 4);
  std::memcpy(all.data() + kFrame - 4, &id, 8);
  return Crc32c(all);
}

// The frame at the beginning of `bytes`; size 0: there is none.
struct Frame {
  std::uint32_t size = 0;
  model::Timestamp window = 0;
  std::uint64_t seq = 0;
};
Frame ReadFrame(Bytes bytes, std::uint64_t id) {
  if (bytes.size() < kFrame || std::memcmp(bytes.data(), kMark.data(), kMark.size()) != 0) {
    return {};
  }
  ByteReader in(bytes.subspan(kMark.size()));
  const Frame frame{
      .size = in.U32(), .window = static_cast<model::Timestamp>(in.U64()), .seq = in.U64()};
  return in.U32() == FrameSum(bytes.data(), id) ? frame : Frame{};
}

std::size_t FindMark(Bytes bytes, std::size_t from) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return std::min(text.find(kMark, from), text.size());
}

// The number in a segment's name; 0: it is another file.
std::uint64_t NumberOf(std::string_view name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) {
    return 0;
  }
  name.remove_prefix(kPrefix.size());
  name.remove_suffix(std::min(kSuffix.size(), name.size()));
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  return error == std::errc() && end == name.data() + name.size() ? number : 0;
}

base::Result<std::string> ReadFile(const std::string& path, int fd) {
  std::string out;
  struct stat file{};
  if (fstat(fd, &file) == 0 && file.st_size > 0) {
    out.reserve(static_cast<std::size_t>(file.st_size) + 1);
  }
  while (true) {
    const std::size_t before = out.size();
    ssize_t n = 0;
    out.resize_and_overwrite(before + std::max<std::size_t>(out.capacity() - before, 4096),
                             [&](char* data, std::size_t size) {
                               n = read(fd, data + before, size - before);
                               return before + static_cast<std::size_t>(std::max<ssize_t>(n, 0));
                             });
    if (n < 0 && errno != EINTR) {
      return base::Fail(ErrorOf(path));
    }
    if (n == 0) {
      return out;
    }
  }
}

bool WriteAll(int fd, std::span<iovec> parts, std::uint64_t at) {
  while (!parts.empty()) {
    const ssize_t n =
        pwritev(fd, parts.data(), static_cast<int>(parts.size()), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      errno = n == 0 ? ENOSPC : errno;
      return false;
    }
    at += static_cast<std::uint64_t>(n);
    auto left = static_cast<std::size_t>(n);
    while (!parts.empty() && left >= parts.front().iov_len) {
      left -= parts.front().iov_len;
      parts = parts.subspan(1);
    }
    if (left > 0) {
      parts.front().iov_base = static_cast<char*>(parts.front().iov_base) + left;
      parts.front().iov_len -= left;
    }
  }
  return true;
}

iovec PartOf(std::string_view bytes) {
  return {const_cast<char*>(bytes.data()), bytes.size()};  // NOLINT: pwritev only reads
}

}  // namespace

std::string SegmentHead() { return std::string(kMagic); }

void PutFrame(const LogRow& row, std::uint64_t id, std::string* out) {
  const std::size_t start = out->size();
  ByteWriter bytes(out);
  bytes.Append(kMark);
  bytes.U32(static_cast<std::uint32_t>(row.data.size()));
  bytes.U64(static_cast<std::uint64_t>(row.window));
  bytes.U64(row.seq);
  bytes.U32(FrameSum(out->data() + start, id));
}

LogScan ScanLog(Bytes segment, std::uint64_t id, const std::function<void(const LogEntry&)>& take,
                const std::function<void(const LogGap&)>& gap) {
  LogScan out;
  std::size_t at = 0;
  if (segment.size() >= kMagic.size() &&
      std::memcmp(segment.data(), kMagic.data(), kMagic.size()) == 0) {
    at = kMagic.size();
  }
  out.end = at;
  std::size_t next = at;        // where a record should begin
  model::Timestamp window = 0;  // that a frame without its data has named since
  while (at < segment.size()) {
    const Frame frame = ReadFrame(segment.subspan(at), id);
    const std::size_t left = segment.size() - at - std::min(kFrame, segment.size() - at);
    const bool cut_off = frame.size > left;
    const auto data = frame.size == 0 || cut_off
                          ? std::nullopt
                          : CheckRecord(segment.subspan(segment.size() - left, frame.size));
    if (!data) {
      // A frame may lie, or be what is left of an older one: what it spans may hold records.
      out.cut_off = out.cut_off || cut_off || (at == next && left == 0);
      window = frame.size > 0 && window == 0 ? frame.window : window;
      at = FindMark(segment, at + 1);
      continue;
    }
    if (next < at) {
      gap({next, segment.subspan(next, at - next), window});
    }
    const std::size_t end = at + kFrame + frame.size;
    take({frame.window, frame.seq, *data, segment.subspan(at, end - at)});
    ++out.records;
    out.cut_off = false;
    window = 0;
    at = next = out.end = end;
  }
  return out;
}

base::Result<std::vector<Segment>> ReadSegments(const std::string& dir) {
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(opendir(dir.c_str()), closedir);
  if (listing == nullptr) {
    return base::Fail(ErrorOf(dir));
  }
  std::vector<Segment> out;
  while (const dirent* entry = readdir(listing.get())) {
    if (const std::uint64_t number = NumberOf(entry->d_name); number != 0) {
      out.push_back({.number = number, .path = dir + "/" + entry->d_name, .bytes = {}});
    }
  }
  std::ranges::sort(out, {}, &Segment::number);
  for (auto segment = out.begin(); segment != out.end();) {
    const int fd = open(segment->path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
      segment = out.erase(segment);
      continue;
    }
    auto bytes = fd < 0 ? base::Result<std::string>(base::Fail(ErrorOf(segment->path)))
                        : ReadFile(segment->path, fd);
    if (fd >= 0) {
      close(fd);
    }
    if (!bytes) {
      return base::Fail(std::move(bytes.error()));
    }
    segment->bytes = std::move(*bytes);
    ++segment;
  }
  return out;
}

base::Result<> ReplaceSegment(const Segment& segment, std::string_view bytes) {
  const std::string fresh = segment.path + ".new";
  const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  iovec part = PartOf(bytes);
  bool good = fd >= 0 && WriteAll(fd, std::span(&part, 1), 0) && fsync(fd) == 0;
  good = good && std::rename(fresh.c_str(), segment.path.c_str()) == 0;
  const base::Error error = good ? base::Error{} : ErrorOf(fresh);
  if (fd >= 0) {
    close(fd);
  }
  if (!good) {
    unlink(fresh.c_str());
    return base::Fail(error);
  }
  return {};
}

void HeadLog::Open(std::string dir, std::uint64_t id) {
  dir_ = std::move(dir);
  id_ = id;
}

void HeadLog::Add(const Segment& segment, std::map<model::Timestamp, std::uint64_t> last,
                  std::size_t end) {
  Cut();
  next_number_ = segment.number + 1;
  segments_.push_back({segment.path, end, std::move(last)});
  bytes_ += end;
  if (end < kMagic.size()) {
    return;
  }
  fd_ = open(segment.path.c_str(), O_WRONLY | O_CLOEXEC);
  // What was being written when the process ended must not look like damage later.
  if (fd_ >= 0 && (ftruncate(fd_, static_cast<off_t>(end)) != 0 || end >= kSegmentBytes)) {
    Cut();
  }
}

void HeadLog::Cut() {
  if (fd_ >= 0) {
    close(fd_);
    fd_ = -1;
  }
}

void HeadLog::Cut(model::Timestamp window) {
  if (fd_ >= 0 && segments_.back().last.contains(window)) {
    Cut();
  }
}

base::Result<> HeadLog::Begin() {
  const std::string path =
      dir_ + "/" + std::string(kPrefix) + std::to_string(next_number_) + std::string(kSuffix);
  fd_ = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd_ < 0) {
    return base::Fail(ErrorOf("store: " + path));
  }
  ++next_number_;
  segments_.push_back({.path = path, .bytes = 0, .last = {}});
  return {};
}

// Puts the first of these rows behind the last segment's, all of them or none, and gives how many.
std::size_t HeadLog::Write(std::span<const LogRow* const> rows, base::Result<>* done) {
  Kept& segment = segments_.back();
  std::size_t bytes = 0;
  std::size_t count = 0;
  frames_ = segment.bytes == 0 ? SegmentHead() : std::string();
  frames_.reserve(frames_.size() + kFrame * rows.size());  // parts point into it
  std::vector<iovec> parts;
  parts.reserve(2 * rows.size() + 1);
  for (std::size_t begin = 0; count < rows.size() && bytes < kWriteBytes; ++count) {
    const std::string& data = rows[count]->data;
    PutFrame(*rows[count], id_, &frames_);
    parts.push_back(PartOf(std::string_view(frames_).substr(begin)));
    parts.push_back(PartOf(data));
    bytes += frames_.size() - begin + data.size();
    begin = frames_.size();
  }
  if (WriteAll(fd_, parts, segment.bytes)) {
    segment.bytes += bytes;
    bytes_ += bytes;
    return count;
  }
  *done = base::Fail(ErrorOf("store: " + segment.path));
  if (ftruncate(fd_, static_cast<off_t>(segment.bytes)) != 0) {
    Cut();  // what is there of it lies behind the last record, and nothing will follow
  }
  return 0;
}

std::size_t HeadLog::Append(const std::deque<LogRow>& rows, base::Result<>* done) {
  std::size_t written = 0;
  *done = {};
  std::vector<const LogRow*> some;  // of one window
  while (written < rows.size()) {
    const model::Timestamp window = rows[written].window;
    if (fd_ >= 0) {
      const Kept& last = segments_.back();
      if (last.bytes >= kSegmentBytes ||
          (last.bytes >= kWindowBytes && !last.last.contains(window))) {
        Cut();
      }
    }
    if (fd_ < 0) {
      if (*done = Begin(); !*done) {
        break;
      }
    }
    some.clear();
    for (std::size_t i = written; i < rows.size() && some.size() < kWriteRows; ++i) {
      if (rows[i].window != window) {
        break;
      }
      some.push_back(&rows[i]);
    }
    const std::size_t n = Write(some, done);
    if (n == 0) {
      break;
    }
    written += n;
    segments_.back().last[window] = rows[written - 1].seq;
  }
  return written;
}

bool HeadLog::Settle(model::Timestamp window, std::uint64_t seq) {
  bool any = false;
  for (Kept& segment : segments_) {
    const auto at = segment.last.find(window);
    if (at != segment.last.end() && at->second <= seq) {
      segment.last.erase(at);
    }
    any = any || segment.last.empty();
  }
  return any;
}

void HeadLog::RemoveSettled() {
  if (!segments_.empty() && segments_.back().last.empty()) {
    Cut();
  }
  std::erase_if(segments_, [this](const Kept& segment) {
    if (!segment.last.empty()) {
      return false;
    }
    bytes_ -= segment.bytes;
    unlink(segment.path.c_str());
    return true;
  });
}

}  // namespace store
