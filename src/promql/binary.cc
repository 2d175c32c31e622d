// Operations between two vectors: matching by signature, set operators, arithmetic and comparison.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "promql/evaluator.h"

namespace promql {
namespace {

using Signature = model::Labels;
using Groups = std::unordered_map<Signature, std::vector<std::size_t>, model::LabelsHash>;

Signature SignatureOf(const model::Labels& labels, const Matching& matching) {
  if (matching.on) {
    return labels.Keep(matching.labels);
  }
  Signature out = labels.Without(matching.labels);
  out.Remove(model::kName);
  return out;
}

Groups GroupBySignature(const Frame& frame, const Matching& matching) {
  Groups out;
  for (std::size_t i = 0; i < frame.size(); ++i) {
    out[SignatureOf(*frame[i].labels, matching)].push_back(i);
  }
  return out;
}

/// At which steps any of the group's series has a value.
std::vector<char> PresenceOf(const Frame& frame, const std::vector<std::size_t>& group,
                             std::size_t steps) {
  std::vector<char> out(steps, 0);
  for (const std::size_t series : group) {
    for (std::size_t i = 0; i < steps; ++i) {
      out[i] = static_cast<char>(out[i] | (IsPresent(frame[series].v[i]) ? 1 : 0));
    }
  }
  return out;
}

/// Keeps the values of `frame` at steps where its signature's presence in `other` is `wanted`.
void Filter(Frame& frame, const Frame& other, const Matching& matching, std::size_t steps,
            bool wanted) {
  const Groups groups = GroupBySignature(other, matching);
  std::unordered_map<const std::vector<std::size_t>*, std::vector<char>> cache;
  for (Column& column : frame) {
    const auto group = groups.find(SignatureOf(*column.labels, matching));
    if (group == groups.end()) {
      if (wanted) {
        column.v.assign(steps, Absent());
      }
      continue;
    }
    auto& presence = cache[&group->second];
    if (presence.empty()) {
      presence = PresenceOf(other, group->second, steps);
    }
    for (std::size_t i = 0; i < steps; ++i) {
      if ((presence[i] != 0) != wanted) {
        column.v[i] = Absent();
      }
    }
  }
}

/// The labels of a result; `many` is the side that may have several series a match.
LabelsPtr ResultLabels(const Expr& expr, const LabelsPtr& many, const LabelsPtr& one) {
  const Matching& matching = *expr.matching;
  auto out = std::make_shared<model::Labels>(*many);
  if (DropsName(expr.op)) {
    out->Remove(model::kName);
  }
  if (matching.card == Matching::Card::kOneToOne) {
    *out = matching.on ? out->Keep(matching.labels) : out->Without(matching.labels);
  }
  for (const std::string& label : matching.include) {
    out->Set(label, one->Get(label));
  }
  if (expr.return_bool) {
    out->Remove(model::kName);
  }
  return out;
}

base::Result<Frame> Ambiguous(const std::string& sentence) {
  return base::Fail(base::ErrorKind::kInvalid, sentence);
}

/// One operation between vectors; the "one" side is grouped, the "many" side is walked.
class Matcher {
 public:
  Matcher(const Expr& expr, const Frame& many, const Frame& one, std::size_t steps, Budget& budget)
      : expr_(expr),
        matching_(*expr.matching),
        many_(many),
        one_(one),
        steps_(steps),
        budget_(budget),
        swapped_(matching_.card == Matching::Card::kOneToMany) {}

  base::Result<Frame> Run() {
    const Groups ones = GroupBySignature(one_, matching_);
    if (auto unique = CheckOnes(ones); !unique) {
      return base::Fail(unique.error());
    }
    const Groups manies = GroupBySignature(many_, matching_);
    Frame out;
    for (const Column& column : many_) {
      const Signature signature = SignatureOf(*column.labels, matching_);
      const auto group = ones.find(signature);
      if (group == ones.end()) {
        continue;
      }
      if (auto spent = budget_.Spend(steps_ * group->second.size()); !spent) {
        return base::Fail(spent.error());
      }
      const bool crowded = manies.at(signature).size() > 1;
      for (const std::size_t one : group->second) {
        Column result = Pair(column, one_[one]);
        if (crowded && !Claim(signature, result)) {
          return Ambiguous(matching_.card == Matching::Card::kOneToOne
                               ? "multiple matches for labels: many-to-one matching must be "
                                 "explicit (group_left/group_right)"
                               : "multiple matches for labels: grouping labels must ensure unique "
                                 "matches");
        }
        out.push_back(std::move(result));
      }
    }
    return Joined(std::move(out));
  }

 private:
  Column Pair(const Column& many, const Column& one) const {
    Column out{ResultLabels(expr_, many.labels, one.labels), std::vector<double>(steps_, Absent())};
    const bool comparison = IsComparison(expr_.op);
    for (std::size_t i = 0; i < steps_; ++i) {
      const double m = many.v[i];
      const double o = one.v[i];
      if (IsAbsent(m) || IsAbsent(o)) {
        continue;
      }
      bool keep = true;
      const double value = swapped_ ? Compute(expr_.op, o, m, keep) : Compute(expr_.op, m, o, keep);
      if (comparison && expr_.return_bool) {
        out.v[i] = keep ? 1 : 0;
      } else if (keep) {
        out.v[i] = value;
      }
    }
    return out;
  }

  /// Two series of the "one" side with one signature at one step, where the other side has any
  /// value at all, are an error.
  base::Result<> CheckOnes(const Groups& ones) const {
    std::vector<char> busy;
    for (const auto& [signature, group] : ones) {
      if (group.size() < 2) {
        continue;
      }
      if (busy.empty()) {
        std::vector<std::size_t> all(many_.size());
        for (std::size_t i = 0; i < all.size(); ++i) {
          all[i] = i;
        }
        busy = PresenceOf(many_, all, steps_);
      }
      for (std::size_t i = 0; i < steps_; ++i) {
        const Column* first = nullptr;
        for (const std::size_t series : group) {
          if (busy[i] == 0 || IsAbsent(one_[series].v[i])) {
            continue;
          }
          if (first != nullptr) {
            return Duplicate(*one_[series].labels, *first->labels);
          }
          first = &one_[series];
        }
      }
    }
    return {};
  }

  base::Result<> Duplicate(const model::Labels& second, const model::Labels& first) const {
    const auto full = [](const model::Labels& labels) {
      std::string out;
      for (const auto& [name, value] : labels) {
        out += (out.empty() ? "" : ", ") + name + "=" + model::QuoteValue(value);
      }
      return "{" + out + "}";
    };
    return base::Fail(
        base::ErrorKind::kInvalid,
        fmt::format("found duplicate series for the match group {} on the {} hand-side of the "
                    "operation: [{}, {}];many-to-many matching not allowed: matching labels must "
                    "be unique on one side",
                    full(SignatureOf(second, matching_)), swapped_ ? "left" : "right", full(second),
                    full(first)));
  }

  /// Marks the steps of a result as taken for its signature (one to one) or for its signature and
  /// labels; false when one was.
  bool Claim(const Signature& signature, const Column& result) {
    Signature key = signature;
    if (matching_.card != Matching::Card::kOneToOne) {
      for (const auto& [name, value] : *result.labels) {
        key.Set("\xff" + name, value);
      }
    }
    std::vector<char>& taken = claimed_[key];
    taken.resize(steps_, 0);
    for (std::size_t i = 0; i < steps_; ++i) {
      if (IsPresent(result.v[i])) {
        if (taken[i] != 0) {
          return false;
        }
        taken[i] = 1;
      }
    }
    return true;
  }

  const Expr& expr_;
  const Matching& matching_;
  const Frame& many_;
  const Frame& one_;
  std::size_t steps_;
  Budget& budget_;
  bool swapped_;
  std::unordered_map<Signature, std::vector<char>, model::LabelsHash> claimed_;
};

}  // namespace

bool DropsName(Op op) { return op >= Op::kAdd && op <= Op::kPow; }

double Compute(Op op, double left, double right, bool& keep) {
  keep = true;
  switch (op) {
    case Op::kAdd:
      return left + right;
    case Op::kSub:
      return left - right;
    case Op::kMul:
      return left * right;
    case Op::kDiv:
      return left / right;
    case Op::kMod:
      return std::fmod(left, right);
    case Op::kPow:
      return std::pow(left, right);
    case Op::kAtan2:
      return std::atan2(left, right);
    case Op::kEqual:
      keep = left == right;
      break;
    case Op::kNotEqual:
      keep = left != right;
      break;
    case Op::kGreater:
      keep = left > right;
      break;
    case Op::kLess:
      keep = left < right;
      break;
    case Op::kGreaterEqual:
      keep = left >= right;
      break;
    case Op::kLessEqual:
      keep = left <= right;
      break;
    default:
      break;
  }
  return left;
}

base::Result<Frame> VectorSets(const Expr& expr, Frame left, Frame right, std::size_t steps) {
  const Matching& matching = *expr.matching;
  if (expr.op == Op::kOr) {
    Filter(right, left, matching, steps, false);
    std::ranges::move(right, std::back_inserter(left));
  } else {
    Filter(left, right, matching, steps, expr.op == Op::kAnd);
  }
  return Joined(std::move(left));
}

base::Result<Frame> VectorMath(const Expr& expr, Frame left, Frame right, std::size_t steps,
                               Budget& budget) {
  const bool swapped = expr.matching->card == Matching::Card::kOneToMany;
  return Matcher(expr, swapped ? right : left, swapped ? left : right, steps, budget).Run();
}

}  // namespace promql
