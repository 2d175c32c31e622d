// Windows of the queue, cut into requests of several shards, each tried until its answer is final.
#include "remote/sender.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <random>

#include "base/log.h"
#include "base/text.h"

namespace remote {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kMaxAnswer = 4096;
constexpr std::size_t kWindowRequests = 4;  ///< of each shard
constexpr std::size_t kMetadataRequest = 500;

/// Half to one and a half of `wait`.
base::Duration Jittered(base::Duration wait) {
  static thread_local std::minstd_rand random(std::random_device{}());
  return wait / 2 + wait * static_cast<int>(random() % 1000) / 1000;
}

/// A few words of an answer, fit for a log.
std::string Words(const loop::HttpResponse& answer) {
  const auto line = std::string_view(answer.body).substr(0, answer.body.find('\n'));
  return fmt::format("HTTP {}{}{}", answer.status, line.empty() ? "" : ": ",
                     base::Printable(line.substr(0, 200)));
}

QueueOptions OptionsOf(const WriteTo& to, std::string path) {
  return {std::move(path), to.queue_bytes, to.queue_age, to.resend};
}

/// Puts labels in (a series that has one of that name keeps its own), then relabels. How many
/// samples went with what the rules drop.
std::size_t Dress(const model::Labels& labels, std::span<const model::RelabelRule> rules,
                  WriteRequest* request) {
  if (labels.empty() && rules.empty()) {
    return 0;
  }
  std::size_t gone = 0;
  std::erase_if(request->series, [&](auto& series) {
    auto whole = labels.With(*series.labels);
    if (!model::Relabel(rules, &whole) || whole.empty()) {
      gone += series.points.size();
      return true;
    }
    series.labels = std::make_shared<const model::Labels>(std::move(whole));
    return false;
  });
  return gone;
}

}  // namespace

/// One request, ready to go.
struct Sender::Packed {
  std::string body;
  std::size_t samples = 0;
  std::size_t unwanted = 0;  ///< samples beside them that relabeling dropped
  std::size_t tries = 0;
  bool done = false;
};

/// A window at work.
struct Sender::Job {
  Window window;
  std::vector<std::vector<Packed>> shards;
  bool abandoned = false;  ///< older ones have to go first
};

Verdict Judge(const base::Result<loop::HttpResponse>& answer, bool again) {
  if (!answer || answer->status == 429 || answer->status >= 500) {
    return Verdict::kAgain;
  }
  if (answer->status / 100 == 2) {
    return Verdict::kArrived;
  }
  const bool order = answer->body.contains("out of order sample") ||
                     answer->body.contains("duplicate sample for timestamp");
  return again && answer->status == 400 && order ? Verdict::kKnown : Verdict::kRefused;
}

base::Duration RetryAfter(const loop::HttpResponse& answer) {
  const auto text = base::Trim(answer.Header("retry-after"));
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    return {};
  }
  return seconds(std::clamp(number, 0, 300));
}

Sender::Sender(loop::Loop& loop, loop::Worker& worker, loop::HttpClient& http)
    : loop_(loop), worker_(worker), http_(http), work_(loop), done_(loop), scope_(loop) {}

base::Result<> Sender::Open(WriteTo to, const std::string& dir) {
  auto queue = Queue::Open(OptionsOf(to, dir + "/remote-" + to.name + ".db"));
  if (!queue) {
    return base::Fail(queue.error());
  }
  queue_ = std::move(*queue);
  to_ = std::move(to);
  return {};
}

void Sender::Configure(WriteTo to) {
  queue_->Configure(OptionsOf(to, ""));
  to_ = std::move(to);
  metadata_due_ = {};
  work_.Notify();
}

void Sender::Enqueue(std::span<const model::Batch> batches,
                     std::span<const model::TableBatch> tables) {
  const auto done = queue_->Append(batches, tables);
  const std::string error = done ? "" : done.error().message;
  if (error != last_queue_error_) {
    base::Log(done ? base::Level::kInfo : base::Level::kError,
              done ? "the remote write queue takes samples again"
                   : "samples for a remote store cannot be kept; they will be missing there",
              {{"remote", to_.name}, {"err", error}});
    last_queue_error_ = error;
  }
  if (!told_.exchange(true)) {
    loop_.Post([self = shared_from_this()] {
      self->told_ = false;
      self->work_.Notify();
    });
  }
}

void Sender::Start() { scope_.Spawn("remote write " + to_.name, Run()); }

loop::Task<> Sender::Stop() {
  scope_.Cancel();
  co_await scope_.Join();
}

Cut Sender::NextCut() const {
  // One shard keeps up with little; more only when requests' worth of samples wait for each.
  const auto waiting = queue_->stats().samples / to_.batch;
  return {static_cast<std::uint32_t>(std::clamp<std::size_t>(waiting, 1, to_.shards)), to_.batch};
}

loop::Task<> Sender::Run() {
  for (;;) {
    if (to_.metadata > base::Duration{} && base::Clock::Steady() >= metadata_due_) {
      co_await SendMetadata();
    }
    auto job = std::make_shared<Job>();
    const auto cut = NextCut();
    auto work = [queue = queue_, job, cut, labels = to_.labels,
                 rules = to_.relabeling]() -> base::Result<bool> {
      auto window = queue->Next(std::size_t{cut.batch} * cut.shards * kWindowRequests, cut);
      if (!window || !*window) {
        return window ? base::Result<bool>(false) : base::Fail(window.error());
      }
      job->window = std::move(**window);
      for (auto& requests : std::exchange(job->window.requests, {})) {
        auto& shard = job->shards.emplace_back();
        for (auto& request : requests) {
          Packed packed;
          packed.unwanted = Dress(labels, rules, &request);
          for (const auto& series : request.series) {
            packed.samples += series.points.size();
          }
          if (packed.samples > 0) {
            packed.body = EncodeWrite(request);
          }
          shard.push_back(std::move(packed));
        }
      }
      return true;
    };
    const auto found = co_await worker_.Run(std::move(work));
    if (!found) {
      stats_.error = found.error().message;
      co_await loop::Sleep(seconds(1));
      continue;
    }
    if (!*found) {
      co_await work_.WaitFor(seconds(5));
      continue;
    }
    const bool arrived = co_await Send(job);
    if (arrived) {
      auto done = [queue = queue_, job] { return queue->Done(job->window); };
      const auto kept = co_await worker_.Run(std::move(done));
      if (!kept) {
        stats_.error = kept.error().message;
        co_await loop::Sleep(seconds(1));
      }
    }
  }
}

loop::Task<bool> Sender::Send(std::shared_ptr<Job> job) {
  running_ = job->shards.size();
  stats_.shards = running_;
  for (std::size_t i = 0; i < job->shards.size(); ++i) {
    scope_.Spawn("remote write shard", Shard(job, i));
  }
  while (running_ > 0) {
    co_await done_.Wait();
  }
  co_return !job->abandoned;
}

loop::Task<> Sender::Shard(std::shared_ptr<Job> job, std::size_t shard) {
  for (auto& packed : job->shards[shard]) {
    packed.done = packed.samples == 0;  // relabeling dropped all
    while (!packed.done && !job->abandoned) {
      co_await SendOne(job, &packed);
    }
    stats_.unwanted += packed.done ? packed.unwanted : 0;
  }
  --running_;
  done_.Notify();
}

loop::Task<base::Result<loop::HttpResponse>> Sender::Post(std::string body) {
  auto request = RequestTo(to_.endpoint, "POST", "");
  request.max_body = kMaxAnswer;
  request.body = std::move(body);
  request.headers.emplace_back("Content-Type", "application/x-protobuf");
  request.headers.emplace_back("Content-Encoding", "snappy");
  request.headers.emplace_back("X-Prometheus-Remote-Write-Version", "0.1.0");
  auto answer = co_await http_.Send(std::move(request));
  co_return answer;
}

/// One try, and the wait after it when it has to be made again.
loop::Task<> Sender::SendOne(std::shared_ptr<Job> job, Packed* packed) {
  if (base::Clock::NowMs() - job->window.came > to_.queue_age / milliseconds(1)) {
    job->abandoned = true;  // the queue counts and drops it
    co_return;
  }
  const bool again = job->window.again || packed->tries > 0;
  const auto answer = co_await Post(packed->body);
  ++packed->tries;
  const auto verdict = Judge(answer, again);
  Note(answer, verdict == Verdict::kArrived || verdict == Verdict::kKnown);
  const auto now = base::Clock::Steady();
  // curl makes a new connection by itself where the kept one is dead: the receiver began anew.
  const bool anew = answer && answer->phases.connect > 0 && job->shards.size() == 1 &&
                    arrived_ != base::Instant{} && now - arrived_ < to_.resend;
  if (verdict == Verdict::kArrived) {
    arrived_ = now;
  }
  if (anew) {
    co_await LostTouch(job);
  }
  switch (verdict) {
    case Verdict::kArrived:
      stats_.sent += packed->samples;
      ++stats_.requests;
      stats_.bytes += packed->body.size();
      packed->done = true;
      co_return;
    case Verdict::kKnown:
      stats_.known += packed->samples;
      packed->done = true;
      co_return;
    case Verdict::kRefused:
      stats_.refused += packed->samples;
      packed->done = true;
      co_return;
    case Verdict::kAgain:
      break;
  }
  ++stats_.retries;
  if (!answer && packed->tries == 1) {
    co_await LostTouch(job);
  }
  const auto doubled = to_.min_backoff * (1 << std::min<std::size_t>(packed->tries - 1, 20));
  auto wait = Jittered(std::min<base::Duration>(doubled, to_.max_backoff));
  if (answer) {
    wait = std::max(wait, RetryAfter(*answer));
  }
  if (!job->abandoned) {
    co_await loop::Sleep(wait);
  }
}

/// No answer came: the receiver may have been killed, and one that writes to its disk now and then
/// (VictoriaMetrics) has lost what it confirmed in the last moments. Those windows go first.
loop::Task<> Sender::LostTouch(std::shared_ptr<Job> job) {
  auto work = [queue = queue_] { return queue->Rewind(); };
  const auto count = co_await worker_.Run(std::move(work));
  if (count && *count > 0) {
    job->abandoned = true;
  }
}

void Sender::Note(const base::Result<loop::HttpResponse>& answer, bool good) {
  stats_.error = good ? "" : answer ? Words(*answer) : answer.error().message;
  // A state is told once, when it begins and when it ends.
  const auto kind = good ? "" : answer ? fmt::format("{}", answer->status) : "unreachable";
  if (kind == logged_) {
    return;
  }
  logged_ = kind;
  base::Log(good ? base::Level::kInfo : base::Level::kWarn,
            good ? "the remote store takes samples again"
                 : "the remote store does not take samples; they wait or are dropped by its answer",
            {{"remote", to_.name}, {"url", ShownUrl(to_.endpoint.url)}, {"err", stats_.error}});
}

loop::Task<> Sender::SendMetadata() {
  metadata_due_ = base::Clock::Steady() + to_.metadata;
  const auto all = metadata_;
  for (std::size_t at = 0; at < all.size(); at += kMetadataRequest) {
    WriteRequest request;
    const auto end = std::min(all.size(), at + kMetadataRequest);
    request.metadata.assign(all.begin() + static_cast<std::ptrdiff_t>(at),
                            all.begin() + static_cast<std::ptrdiff_t>(end));
    const auto answer = co_await Post(EncodeWrite(request));
    if (!answer || answer->status / 100 != 2) {
      co_return;  // it is told again anyway
    }
    stats_.metadata += end - at;
  }
}

SenderStats Sender::stats() const {
  auto out = stats_;
  out.name = to_.name;
  out.url = ShownUrl(to_.endpoint.url);
  out.queue = queue_->stats();
  return out;
}

}  // namespace remote
