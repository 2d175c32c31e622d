// What the daemon tells of its store, and copies of it.
#include "app/daemon.h"
#include "app/store_commands.h"

namespace app {
namespace {

// True for as long as it stands.
class Copying {
 public:
  explicit Copying(bool* flag) : flag_(flag) { *flag_ = true; }
  ~Copying() { *flag_ = false; }
  Copying(const Copying&) = delete;
  Copying& operator=(const Copying&) = delete;

 private:
  bool* flag_;
};

}  // namespace

void Daemon::AddStoreMetrics(api::Exposition& out) const {
  const auto gauge = [&](const char* name, const char* help, auto value) {
    out.Add(name, "gauge", help, static_cast<double>(value), {});
  };
  const auto counter = [&](const char* name, const char* help, auto value) {
    out.Add(name, "counter", help, static_cast<double>(value), {});
  };
  const auto store = store_->stats();
  gauge("raksa_store_series", "Series known to the store.", store.series);
  gauge("raksa_store_head_samples", "Samples in memory, not in a chunk yet.", store.head_samples);
  gauge("raksa_store_bytes", "Bytes of the store on disk.",
        store.database_bytes + store.wal_bytes + store.log_bytes);
  gauge("raksa_store_writable",
        "1 while the disk takes samples; 0: they are kept in memory, which is bounded.",
        store.error.empty() ? 1 : 0);
  gauge("raksa_journal_writable",
        "1 while the disk takes incidents and messages; 0: they are kept in memory.",
        journal_->in_memory() ? 0 : 1);
  gauge("raksa_store_pending_bytes", "Bytes that wait for a disk that takes no samples.",
        store.pending_bytes);
  counter("raksa_store_samples_total", "Samples appended.", store.samples_appended);
  counter("raksa_store_samples_refused_total", "Samples refused.", store.samples_refused);
  counter("raksa_store_samples_lost_total",
          "Samples dropped from memory because the disk did not take them for too long.",
          store.samples_lost);
  counter("raksa_store_set_aside_total",
          "Chunks and records that could not be read and were set aside.",
          store.chunks_set_aside + store.rows_set_aside);
  counter("raksa_store_chunks_written_total", "Chunks written.", store.chunks_written);
  counter("raksa_store_chunks_deleted_total", "Chunks deleted by retention.", store.chunks_deleted);
}

loop::Task<base::Result<std::string>> Daemon::Snapshot() {
  if (copying_) {
    co_return base::Fail(base::ErrorKind::kRefused, "a snapshot is being made already");
  }
  const Copying copying(&copying_);
  auto work = [dir = settings_.data_dir] { return MakeSnapshot(dir); };
  auto name = co_await query_worker_.Run(std::move(work));
  co_return name;
}

}  // namespace app
