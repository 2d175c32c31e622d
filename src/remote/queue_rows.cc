// Rows of the queue in bytes.
#include "remote/queue_rows.h"

#include <bit>
#include <unordered_map>

#include "remote/wire.h"
#include "store/bytes.h"

namespace remote {
namespace {

constexpr std::size_t kMaxRow = 64U << 20U;

std::unexpected<base::Error> Corrupt() {
  return base::Fail(base::ErrorKind::kCorrupt, "remote write queue: a row does not hold together");
}

std::string ToText(store::Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::vector<Item> ItemsOf(const model::TableBatch& batch, const TableSlots& slots) {
  std::vector<Item> out;
  out.reserve(batch.values.size());
  std::unordered_map<std::uint32_t, std::size_t> places;  // by series, where there are doubles
  for (std::size_t i = 0; i < batch.values.size(); ++i) {
    const auto slot = batch.slots.empty() ? i : i < batch.slots.size() ? batch.slots[i] : SIZE_MAX;
    if (slot >= slots.ids.size()) {
      continue;
    }
    const Item item{slots.ids[slot], {batch.t, batch.values[i]}};
    if (slots.doubles) {
      const auto [at, fresh] = places.try_emplace(item.series, out.size());
      if (!fresh) {
        auto& first = out[at->second];
        first = model::IsStale(first.point.v) ? item : first;
        continue;
      }
    }
    out.push_back(item);
  }
  return out;
}

std::string EncodeItems(const std::vector<Item>& items) {
  std::string plain;
  store::ByteWriter out(&plain);
  out.Varint(items.size());
  std::int64_t series = 0;
  std::int64_t t = 0;
  for (const auto& item : items) {
    out.Signed(item.series - series);
    out.Signed(item.point.t - t);
    out.U64(std::bit_cast<std::uint64_t>(item.point.v));
    series = item.series;
    t = item.point.t;
  }
  return Snap(plain);
}

base::Result<std::vector<Item>> DecodeItems(std::string_view data) {
  const auto plain = Unsnap(data, kMaxRow);
  if (!plain) {
    return Corrupt();
  }
  store::ByteReader in(store::AsBytes(*plain));
  const auto count = in.Varint();
  if (count > in.left() / 10) {  // an item takes ten bytes at least
    return Corrupt();
  }
  std::vector<Item> out;
  out.reserve(count);
  std::int64_t series = 0;
  std::int64_t t = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    series += in.Signed();
    t += in.Signed();
    const auto bits = in.U64();
    if (!in.ok() || series < 1 || series > UINT32_MAX) {
      return Corrupt();
    }
    out.push_back({static_cast<std::uint32_t>(series), {t, std::bit_cast<double>(bits)}});
  }
  return out;
}

std::string EncodeLabels(const model::Labels& labels) {
  std::string out;
  store::ByteWriter writer(&out);
  for (const auto& [name, value] : labels) {
    for (const auto& text : {std::string_view(name), std::string_view(value)}) {
      writer.Varint(text.size());
      writer.Append(text);
    }
  }
  return out;
}

base::Result<model::Labels> DecodeLabels(std::string_view data) {
  store::ByteReader in(store::AsBytes(data));
  std::vector<model::Labels::Pair> pairs;
  while (in.left() > 0) {
    auto name = ToText(in.Take(in.Varint()));
    auto value = ToText(in.Take(in.Varint()));
    if (!in.ok()) {
      return Corrupt();
    }
    pairs.emplace_back(std::move(name), std::move(value));
  }
  return model::Labels(std::move(pairs));
}

}  // namespace remote
