// Scheduler: runs every probe of every target on its slots, confirms flips of state at once and
// hands what was measured on.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "loop/loop.h"
#include "model/sample.h"
#include "model/target.h"
#include "probe/kind.h"

namespace probe {

/// One finished run of one probe.
struct Run {
  std::shared_ptr<const model::Target> target;
  std::shared_ptr<const model::ProbeSpec> spec;
  model::Timestamp slot = 0;  ///< the samples' time: the slot, or the moment of ProbeNow
  Outcome outcome;
  /// The readings with full labels (target, ip, url, the administrator's, the reading's), and
  /// probe_success{probe} and probe_duration_seconds{probe}. A removed probe's last batch holds a
  /// stale marker for each of its series. Scraped samples are in outcome.tables.
  model::Batch batch;
  std::shared_ptr<const model::Batch> kept;  ///< the same; null when the probe has ended
  bool flipped = false;  ///< a state metric changed its value, and the re-probes agree
  bool outside = false;  ///< by ProbeNow or Watch, not by the schedule
};

/// Where runs go: the store, the rules, the page. Called on the loop; must not throw.
using SampleSink = std::function<void(Run)>;

/// What the probes saw last of one probe, for /metrics and the page.
struct Latest {
  std::shared_ptr<const model::Target> target;
  model::ProbeSpec spec;
  std::shared_ptr<const model::Batch> batch;  ///< never null
  bool success = false;
  std::string reason;
  base::Duration age{};                      ///< since the run ended
  std::shared_ptr<const Families> families;  ///< of a scrape; may be null
};

/// How a flip of state is confirmed.
struct Confirmation {
  int probes = 3;  ///< re-probes that must all agree; 0 = a flip is believed at once
  base::Duration spacing = std::chrono::milliseconds(200);
  /// Between two slots a probe of state (ping, port, http_code) looks so often; what it sees is
  /// told only when it is a flip. Zero: not at all.
  base::Duration watch{};
  /// Called when the first re-probe agrees that a target's state flipped: what a repair will need
  /// can be made ready. Nothing has been decided yet. May be empty.
  std::function<void(const std::string& target)> doubt;
};

/// Counters since the start, for raksa_* metrics.
struct SchedulerStats {
  std::uint64_t runs = 0;           ///< runs of the schedule, re-probes not counted
  std::uint64_t failures = 0;       ///< those without success
  std::uint64_t skipped_slots = 0;  ///< slots missed because the run before was not over, or late
  std::uint64_t skipped_down = 0;   ///< snmp runs left out because the host does not answer pings
  std::uint64_t reprobes = 0;       ///< runs to confirm a flip
  std::uint64_t looks = 0;          ///< runs between the slots
  std::uint64_t confirmed_flips = 0;
  std::uint64_t unconfirmed_flips = 0;
  std::size_t in_flight = 0;  ///< runs going on now
  std::size_t probes = 0;     ///< configured now
  std::size_t series = 0;     ///< distinct series of the last batches
};

/// Slots are multiples of the interval on the wall clock, shifted by an offset that is fixed for
/// each target (a hash of its name), so that a thousand targets spread over the interval while all
/// probes of one target that share an interval share its timestamps. One task a probe; a probe
/// never overlaps itself. The clock set back or forth costs at most one slot.
class Scheduler {
 public:
  Scheduler(World world, SampleSink sink, Confirmation confirmation = {},
            std::span<const Kind* const> catalogue = Catalogue());
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  /// Makes `targets` what is watched. Probes that did not change run on, with their memory and
  /// without losing a slot; changed and new ones begin at their next slot; removed ones end with
  /// stale markers. A probe of an unknown kind is left out and logged.
  void Apply(std::vector<model::Target> targets);
  /// Confirms by other numbers from now on; `doubt` stays.
  void SetConfirmation(const Confirmation& confirmation);
  /// Ends every probe and waits for them. No stale markers: the daemon goes, not the targets.
  loop::Task<> Stop();

  /// Runs a probe now, beside the schedule, without confirmation; the sink sees it too. An unknown
  /// target or probe is an outcome with that reason.
  loop::Task<Outcome> ProbeNow(std::string target, std::string probe);
  /// Runs all probes of a target every `every` for `span`, beside the schedule: after a repair.
  /// A second call replaces the first.
  void Watch(std::string target, base::Duration every, base::Duration span);

  /// The last batch of every probe that has run, by target and probe name.
  [[nodiscard]] std::vector<Latest> GetLatest() const;
  [[nodiscard]] SchedulerStats stats() const;

  /// The shift of a target's slots within an interval: 0 ≤ offset < interval, whole milliseconds.
  static base::Duration Offset(const std::string& target, base::Duration interval);
  /// The first slot after `now`.
  static base::Time NextSlot(base::Time now, base::Duration interval, base::Duration offset);

 private:
  struct State;
  struct Entry;
  std::shared_ptr<State> state_;
};

/// A readable account of one run, for `raksa probe`: a headline, what happened, the values.
std::string Account(const model::Target& target, const model::ProbeSpec& spec,
                    const Outcome& outcome);

}  // namespace probe
