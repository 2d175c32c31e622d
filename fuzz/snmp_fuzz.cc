// Fuzzes what an SNMP agent may send: the engine's report as bytes, and answers as sequences of
// values of any type under any name, through scalars, tables and formulas.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "probe/snmp/discovery.h"
#include "probe/snmp/formulas.h"

namespace {

using probe::snmp::Oid;
using probe::snmp::Reply;
using probe::snmp::Var;

/// Takes numbers from the input's front; zeros when it is used up.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  std::uint8_t Byte() {
    if (size_ == 0) {
      return 0;
    }
    --size_;
    return *data_++;
  }
  std::uint64_t Number() {
    std::uint64_t out = 0;
    for (int i = Byte() % 9; i > 0; --i) {
      out = (out << 8U) | Byte();
    }
    return out;
  }
  std::string Text() {
    std::string out;
    for (int i = Byte() % 32; i > 0; --i) {
      out += static_cast<char>(Byte());
    }
    return out;
  }
  [[nodiscard]] bool empty() const { return size_ == 0; }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

/// An answer to `question`: its OIDs carried on, repeated, or others.
Reply AnswerTo(const probe::snmp::Question& question, Input& in) {
  Reply out;
  const auto flags = in.Byte();
  out.answered = flags % 16 != 0;
  out.error_status = flags % 8 == 1 ? in.Byte() % 20 : 0;
  out.error_index = static_cast<int>(in.Byte()) - 2;
  for (int i = in.Byte() % 64; i > 0 && !in.empty(); --i) {
    Var var;
    var.oid = question.oids[in.Byte() % question.oids.size()];
    const auto shape = in.Byte();
    if (shape % 4 != 0 && question.command != probe::snmp::Question::Command::kGet) {
      var.oid.push_back(static_cast<std::uint32_t>(in.Number()));
    }
    if (shape % 16 == 15 && !var.oid.empty()) {
      var.oid.pop_back();
    }
    var.type = static_cast<Var::Type>(in.Byte() % 4);
    var.number = in.Number();
    var.text = in.Text();
    var.object = {1, 3, 6, 1, 2, 1, 25, 2, 1, in.Byte() % 6U};
    out.vars.push_back(var);
  }
  return out;
}

template <class Part>
void Drive(Part& part, Input& in) {
  int rounds = 0;
  while (const auto question = part.Next()) {
    if (question->oids.empty() || ++rounds > 100'000) {
      std::abort();  // a walk that never ends
    }
    part.Accept(in.empty() ? Reply{} : AnswerTo(*question, in));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto engine = probe::snmp::ParseReport(std::span(data, size), 0x01020304);
  if (engine && (engine->id.size() < 5 || engine->id.size() > 32)) {
    std::abort();
  }
  Input in(data, size);
  probe::snmp::Counters counters;
  for (int run = 0; run < 3; ++run) {
    probe::snmp::Answers answers(in.Byte() % 2 == 0 ? 1 : 2, {});
    Drive(answers.scalars, in);
    Drive(answers.interfaces, in);
    Drive(answers.disks, in);
    Drive(answers.interfaces32, in);
    Drive(answers.storage, in);
    Drive(answers.processors, in);
    for (const auto& reading : probe::snmp::Evaluate(answers, counters)) {
      const bool percent = reading.name.ends_with("_percent");
      if (!(reading.value >= 0) || (percent && reading.value > 100)) {
        std::abort();  // negative, not a number, or more than all
      }
    }
  }
  return 0;
}
