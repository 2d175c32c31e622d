// Room: a vector for what is written at once after it has grown; not for other rooms.
#pragma once

#include <memory>
#include <utility>
#include <vector>

namespace store {

// Leaves new numbers as memory has them, where std::allocator would make them 0.
template <class T>
struct Unset : std::allocator<T> {
  template <class U>
  struct rebind {  // NOLINT: the name is the standard's
    using other = Unset<U>;
  };
  Unset() = default;
  template <class U>
  explicit Unset(const Unset<U>& /*other*/) {}
  template <class U, class... Args>
  void construct(U* at, Args&&... args) {  // NOLINT: so is this
    if constexpr (sizeof...(Args) == 0) {
      ::new (static_cast<void*>(at)) U;
    } else {
      ::new (static_cast<void*>(at)) U(std::forward<Args>(args)...);
    }
  }
};

template <class T>
using Room = std::vector<T, Unset<T>>;

}  // namespace store
