// The set of senders, exchanged as a whole.
#include "remote/outbound.h"

#include <algorithm>
#include <filesystem>

#include "base/log.h"

namespace remote {

Outbound::Outbound(loop::Loop& loop, loop::Worker& worker, loop::HttpClient& http)
    : loop_(loop), worker_(worker), http_(http), retired_(loop) {}

std::shared_ptr<const Outbound::Senders> Outbound::Current() const {
  const std::lock_guard lock(mutex_);
  return senders_;
}

void Outbound::Set(Senders senders) {
  auto fresh = std::make_shared<const Senders>(std::move(senders));
  const std::lock_guard lock(mutex_);
  senders_.swap(fresh);
}

void Outbound::Apply(const std::vector<WriteTo>& all, const std::string& dir) {
  Senders next;
  const auto current = Current();
  for (const auto& to : all) {
    const auto known = std::ranges::find_if(
        *current, [&](const auto& sender) { return sender->to().name == to.name; });
    if (known != current->end()) {
      if ((*known)->to() != to) {
        (*known)->Configure(to);
      }
      next.push_back(*known);
      continue;
    }
    auto sender = std::make_shared<Sender>(loop_, worker_, http_);
    if (const auto opened = sender->Open(to, dir); !opened) {
      base::Log(base::Level::kError, "samples do not go out to a remote store",
                {{"remote", to.name}, {"err", opened.error().message}});
      continue;
    }
    sender->Start();
    next.push_back(std::move(sender));
  }
  for (const auto& sender : *current) {
    if (std::ranges::find(next, sender) == next.end()) {
      retired_.Spawn("retire", Retire(sender, dir + "/remote-" + sender->to().name + ".db"));
    }
  }
  Set(std::move(next));
}

loop::Task<> Outbound::Retire(std::shared_ptr<Sender> sender, std::string path) {
  co_await sender->Stop();
  const auto waiting = sender->stats().queue.samples;
  base::Log(base::Level::kWarn, "a remote store is configured no more; its queue is removed",
            {{"remote", sender->to().name}, {"samples", waiting}});
  std::error_code ignored;
  for (const auto* suffix : {"", "-wal", "-shm"}) {
    std::filesystem::remove(path + suffix, ignored);
  }
}

void Outbound::SetMetadata(const std::vector<Metadata>& metadata) {
  for (const auto& sender : *Current()) {
    sender->SetMetadata(metadata);
  }
}

void Outbound::Put(std::span<const model::Batch> batches,
                   std::span<const model::TableBatch> tables) {
  for (const auto& sender : *Current()) {
    sender->Enqueue(batches, tables);
  }
}

loop::Task<> Outbound::Stop() {
  const auto current = Current();
  for (const auto& sender : *current) {
    co_await sender->Stop();
  }
  co_await retired_.Join();
}

std::vector<SenderStats> Outbound::stats() const {
  std::vector<SenderStats> out;
  for (const auto& sender : *Current()) {
    out.push_back(sender->stats());
  }
  return out;
}

}  // namespace remote
