// Scalars and tables from answers that may be anything.
#include "probe/snmp/values.h"

#include <algorithm>

#include "base/text.h"

namespace probe::snmp {
namespace {

constexpr int kTooBig = 1;
constexpr int kMaxRounds = 2 * static_cast<int>(Table::kMaxRows);

bool StartsWith(const Oid& oid, const Oid& prefix) {
  return oid.size() > prefix.size() && std::equal(prefix.begin(), prefix.end(), oid.begin());
}

}  // namespace

std::optional<Question> Scalars::Next() const {
  if (left_.empty()) {
    return std::nullopt;
  }
  Question out;
  out.oids.assign(left_.begin(),
                  left_.begin() + static_cast<std::ptrdiff_t>(std::min(chunk_, left_.size())));
  return out;
}

void Scalars::Accept(const Reply& reply) {
  const std::size_t asked = std::min(chunk_, left_.size());
  if (!reply.answered) {
    left_.clear();
    return;
  }
  if (reply.error_status == kTooBig && asked > 1) {
    chunk_ = asked / 2;
    return;
  }
  if (reply.error_status != 0) {
    const auto index = static_cast<std::size_t>(std::max(1, reply.error_index)) - 1;
    const auto at = left_.begin() + static_cast<std::ptrdiff_t>(index < asked ? index : 0);
    missing_.push_back(*at);
    left_.erase(at);
    return;
  }
  const std::vector<Oid> asked_oids(left_.begin(),
                                    left_.begin() + static_cast<std::ptrdiff_t>(asked));
  left_.erase(left_.begin(), left_.begin() + static_cast<std::ptrdiff_t>(asked));
  for (const auto& var : reply.vars) {
    const bool mine = std::find(asked_oids.begin(), asked_oids.end(), var.oid) != asked_oids.end();
    if (mine && var.type != Var::Type::kNone) {
      got_.emplace(var.oid, var);
    }
  }
}

std::optional<std::uint64_t> Scalars::Number(const Oid& oid) const {
  const auto at = got_.find(oid);
  if (at == got_.end() || at->second.type != Var::Type::kNumber) {
    return std::nullopt;
  }
  return at->second.number;
}

Table::Table(std::vector<Oid> columns, bool bulk, int repetitions)
    : columns_(std::move(columns)),
      last_(columns_),
      ended_(columns_.size(), false),
      bulk_(bulk),
      repetitions_(repetitions) {}

std::optional<Question> Table::Next() const {
  Question out;
  out.command = bulk_ ? Question::Command::kBulk : Question::Command::kNext;
  out.repetitions = repetitions_;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (!ended_[i]) {
      out.oids.push_back(last_[i]);
    }
  }
  if (out.oids.empty() || rounds_ >= kMaxRounds) {
    return std::nullopt;
  }
  return out;
}

void Table::Accept(const Reply& reply) {
  ++rounds_;
  std::vector<std::size_t> asked;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (!ended_[i]) {
      asked.push_back(i);
    }
  }
  if (asked.empty()) {
    return;
  }
  if (reply.answered && reply.error_status == kTooBig && bulk_ && repetitions_ > 1) {
    repetitions_ /= 2;
    return;
  }
  if (reply.answered && reply.error_status != 0 && reply.error_index >= 1 &&
      static_cast<std::size_t>(reply.error_index) <= asked.size()) {
    ended_[asked[static_cast<std::size_t>(reply.error_index) - 1]] = true;  // version 1's end
    return;
  }
  if (!reply.answered || reply.error_status != 0 || reply.vars.size() < asked.size()) {
    std::fill(ended_.begin(), ended_.end(), true);
    return;
  }
  for (std::size_t i = 0; i < reply.vars.size(); ++i) {
    const std::size_t column = asked[i % asked.size()];
    if (!ended_[column]) {
      Take(column, reply.vars[i]);
    }
  }
}

void Table::Take(std::size_t column, const Var& var) {
  if (!StartsWith(var.oid, columns_[column]) || var.oid <= last_[column]) {
    ended_[column] = true;
    return;
  }
  last_[column] = var.oid;
  const Oid index(var.oid.begin() + static_cast<std::ptrdiff_t>(columns_[column].size()),
                  var.oid.end());
  auto at = rows_.find(index);
  if (at == rows_.end()) {
    if (rows_.size() >= kMaxRows) {
      ended_[column] = true;
      return;
    }
    at = rows_.emplace(index, Row(columns_.size())).first;
  }
  if (var.type != Var::Type::kNone) {
    at->second[column] = var;
  }
}

std::optional<std::uint64_t> CellNumber(const Table::Row& row, std::size_t column) {
  if (column >= row.size() || !row[column] || row[column]->type != Var::Type::kNumber) {
    return std::nullopt;
  }
  return row[column]->number;
}

std::optional<std::string> CellText(const Table::Row& row, std::size_t column) {
  if (column >= row.size() || !row[column] || row[column]->type != Var::Type::kText ||
      row[column]->text.empty()) {
    return std::nullopt;
  }
  return base::Printable(row[column]->text);
}

}  // namespace probe::snmp
