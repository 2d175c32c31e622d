// Keeping statistics of five minutes: made from windows that are old or go, deleted by their own
// age.
#include <algorithm>

#include "store/maintain.h"
#include "store/tier.h"

namespace store {
namespace {

constexpr std::size_t kTargetsAtOnce = 16;
constexpr std::int64_t kPieces = 8;  // part = piece * 8 + statistic

// The statistics of a target's day that are on disk; unreadable ones are set aside.
base::Result<> ReadTier(State* s, Window day, TargetId target, TierTables* out) {
  return ReadChunks(s, &s->write.tier_parts, {day, target, 0, true},
                    [out](std::int64_t part, ChunkReader* chunk) -> base::Result<> {
                      const auto statistic = static_cast<std::size_t>(part % kPieces);
                      if (statistic >= kStatistics) {
                        return base::Fail(base::ErrorKind::kCorrupt, "tier: unknown statistic");
                      }
                      return (*out)[statistic].Insert(chunk);
                    });
}

base::Result<> WriteTier(State* s, Window day, TargetId target, const TierTables& tables) {
  auto done = s->write.drop_tiers.Bind(1, day).Bind(2, target).Run();
  for (std::size_t statistic = 0; done && statistic < kStatistics; ++statistic) {
    const auto chunks = tables[statistic].Encode();
    for (std::size_t piece = 0; done && piece < chunks.size(); ++piece) {
      const auto part =
          static_cast<std::int64_t>(piece) * kPieces + static_cast<std::int64_t>(statistic);
      done = s->write.put_tier.Bind(1, day)
                 .Bind(2, target)
                 .Bind(3, part)
                 .BindBlob(4, chunks[piece])
                 .Run();
    }
  }
  if (done && !s->tiers.contains(day)) {
    const std::unique_lock lock(s->shared);
    s->tiers.insert(day);
  }
  return done;
}

base::Result<> Targets(State* s, Window window, std::vector<TargetId>* out) {
  Statement& list = s->write.window_targets;
  const Resetting reset(&list);
  list.Bind(1, window);
  return EachRow(&list, [&] { out->push_back(static_cast<TargetId>(list.Int(0))); });
}

}  // namespace

bool TiersOn(const State& s) {
  return s.options.tier_age.count() > 0 && s.window_ms % kTierMs == 0;
}

base::Result<> TierTarget(State* s, Window window, TargetId target, const Table& raw) {
  if (raw.samples() == 0) {
    return {};
  }
  const Window day = s->TierOf(window);
  TierTables tables;
  auto done = ReadTier(s, day, target, &tables);
  TierTables before;
  const bool first = window == day;
  if (done && first && s->tiers.contains(day - s->TierSpan())) {
    done = ReadTier(s, day - s->TierSpan(), target, &before);
  }
  if (!done) {
    return done;
  }
  for (Table& table : tables) {  // from an earlier time, before late samples came
    const auto& times = table.times();
    const auto from = std::ranges::lower_bound(times, window);
    const auto to = std::ranges::lower_bound(times, window + s->window_ms);
    if (from != to) {
      table.DropRows(static_cast<std::size_t>(from - times.begin()),
                     static_cast<std::size_t>(to - from));
    }
  }
  AddToTier(raw, first ? before.data() : nullptr, &tables);
  return WriteTier(s, day, target, tables);
}

base::Result<bool> TierWindow(State* s, Window window, base::Instant deadline) {
  if (!s->tier_pass || s->tier_pass->window != window) {
    TierPass pass{.window = window, .left = {}};
    if (auto done = Targets(s, window, &pass.left); !done) {
      return base::Fail(done.error());
    }
    s->tier_pass = std::move(pass);
  }
  auto& left = s->tier_pass->left;
  while (!left.empty()) {
    const std::size_t n = std::min(kTargetsAtOnce, left.size());
    Transaction t(&s->write.db);
    auto done = t.Begin();
    for (std::size_t i = 0; done && i < n; ++i) {
      const TargetId target = left[left.size() - 1 - i];
      Table raw;
      done = ReadParts(s, window, target, &raw);
      done = done ? TierTarget(s, window, target, raw) : done;
    }
    done = done ? t.Commit() : done;
    if (!done) {
      s->tier_pass.reset();
      return base::Fail(done.error());
    }
    left.resize(left.size() - n);
    if (!left.empty() && base::Clock::Steady() >= deadline) {
      return false;
    }
  }
  s->tier_pass.reset();
  const Window until = window + s->window_ms;
  if (until > s->tiered_until) {
    auto done = s->write.set_meta.BindBlob(1, "tiered_until").Bind(2, until).Run();
    if (!done) {
      return base::Fail(done.error());
    }
    s->tiered_until = until;
  }
  return true;
}

base::Result<> TierOld(State* s, std::int64_t now, base::Instant deadline) {
  if (!TiersOn(*s)) {
    return {};
  }
  const std::int64_t limit = now - s->options.tier_after / std::chrono::milliseconds(1);
  auto at = s->windows.lower_bound(s->tiered_until);
  while (at != s->windows.end() && *at + s->window_ms <= limit &&
         *at + s->window_ms <= s->merged_until) {
    const auto made = TierWindow(s, *at, deadline);
    if (!made || !*made || base::Clock::Steady() >= deadline) {
      return made ? base::Result<>{} : base::Fail(made.error());
    }
    at = s->windows.lower_bound(s->tiered_until);
  }
  return {};
}

base::Result<> DropTier(State* s, Window day, base::Instant deadline) {
  while (true) {
    const auto gone = DropSome(s, &s->write.oldest_tiers, &s->write.drop_tier, day);
    if (!gone) {
      return base::Fail(gone.error());
    }
    if (*gone == 0) {
      const std::unique_lock lock(s->shared);
      s->tiers.erase(day);
      return {};
    }
    if (base::Clock::Steady() >= deadline) {
      return {};
    }
  }
}

base::Result<> RetainTiers(State* s, std::int64_t now, base::Instant deadline) {
  if (!TiersOn(*s) || base::Clock::Steady() < s->hold_age_until) {
    return {};
  }
  const std::int64_t limit = now - s->options.tier_age / std::chrono::milliseconds(1);
  while (!s->tiers.empty() && *s->tiers.begin() + s->TierSpan() <= limit) {
    auto done = DropTier(s, *s->tiers.begin(), deadline);
    if (!done || base::Clock::Steady() >= deadline) {
      return done;
    }
  }
  return {};
}

}  // namespace store
