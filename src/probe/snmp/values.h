// Values: what came over SNMP, gathered into scalars and tables, whatever the agent answers.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace probe::snmp {

/// An object identifier; parts are 32 bits (RFC 2578).
using Oid = std::vector<std::uint32_t>;

/// One value of an answer. Types that a formula has no use for are kNone, and so are the exceptions
/// noSuchObject, noSuchInstance and endOfMibView.
struct Var {
  enum class Type { kNone, kNumber, kText, kOid };
  Oid oid;
  Type type = Type::kNone;
  std::uint64_t number =
      0;             ///< kNumber: counters, gauges, ticks and integers that are not negative
  std::string text;  ///< kText: at most 255 bytes, as they came
  Oid object;        ///< kOid
};

/// One request.
struct Question {
  enum class Command { kGet, kNext, kBulk };
  Command command = Command::kGet;
  std::vector<Oid> oids;
  int repetitions = 0;  ///< kBulk
};

/// What became of a request.
struct Reply {
  bool answered = false;
  int error_status = 0;  ///< RFC 3416 3: 1 tooBig, 2 noSuchName, 5 genErr, 6 noAccess, 16 …
  int error_index = 0;   ///< which of the question's OIDs, from 1; 0 = none
  std::vector<Var> vars;
  std::string failure;  ///< why there is no answer, when not for time
};

/// Single objects, asked by GET. An OID that an error names is left out and the rest asked again;
/// an answer that would be too big is asked for in halves.
class Scalars {
 public:
  explicit Scalars(std::vector<Oid> wanted) : left_(std::move(wanted)) {}
  /// The next request; nullopt when nothing is left to ask.
  [[nodiscard]] std::optional<Question> Next() const;
  void Accept(const Reply& reply);
  [[nodiscard]] std::optional<std::uint64_t> Number(const Oid& oid) const;
  /// OIDs that the agent does not have.
  [[nodiscard]] const std::vector<Oid>& missing() const { return missing_; }
  [[nodiscard]] bool any() const { return !got_.empty(); }

 private:
  std::vector<Oid> left_;
  std::map<Oid, Var> got_;
  std::vector<Oid> missing_;
  std::size_t chunk_ = 32;
};

/// Columns of a table, walked together by GETBULK (or GETNEXT for version 1). Each column ends at
/// the first OID that is not its own or does not increase; rows are bounded.
class Table {
 public:
  static constexpr std::size_t kMaxRows = 1'024;
  Table(std::vector<Oid> columns, bool bulk, int repetitions);
  [[nodiscard]] std::optional<Question> Next() const;
  void Accept(const Reply& reply);

  using Row = std::vector<std::optional<Var>>;
  /// Rows by index (what follows the column's OID).
  [[nodiscard]] const std::map<Oid, Row>& rows() const { return rows_; }

 private:
  void Take(std::size_t column, const Var& var);

  std::vector<Oid> columns_;
  std::vector<Oid> last_;
  std::vector<bool> ended_;
  std::map<Oid, Row> rows_;
  bool bulk_;
  int repetitions_;
  int rounds_ = 0;
};

/// The number of a cell, if it came and is one.
std::optional<std::uint64_t> CellNumber(const Table::Row& row, std::size_t column);
/// The text of a cell, made printable; nullopt when it is none or empty.
std::optional<std::string> CellText(const Table::Row& row, std::size_t column);

}  // namespace probe::snmp
