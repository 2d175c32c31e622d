// Pages of files that are only read: nothing is lost with them.
#include "base/resident.h"

#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace base {
namespace {

/// Whether the loader has written into the code (relocations there): then it is not as in the file.
bool IsPatched(const dl_phdr_info& info) {
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    if (info.dlpi_phdr[i].p_type != PT_DYNAMIC) {
      continue;
    }
    const auto* entry =
        reinterpret_cast<const ElfW(Dyn)*>(info.dlpi_addr + info.dlpi_phdr[i].p_vaddr);
    for (; entry->d_tag != DT_NULL; ++entry) {
      if (entry->d_tag == DT_TEXTREL ||
          (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0)) {
        return true;
      }
    }
  }
  return false;
}

int ReleaseOne(dl_phdr_info* info, std::size_t /*size*/, void* total) {
  if (IsPatched(*info)) {
    return 0;
  }
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& part = info->dlpi_phdr[i];
    if (part.p_type != PT_LOAD || (part.p_flags & PF_W) != 0) {
      continue;
    }
    const std::uintptr_t begin = (info->dlpi_addr + part.p_vaddr) / page * page;
    const std::uintptr_t end =
        (info->dlpi_addr + part.p_vaddr + part.p_filesz + page - 1) / page * page;
    if (madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED) == 0) {
      *static_cast<std::size_t*>(total) += end - begin;
    }
  }
  return 0;
}

}  // namespace

std::size_t ReleaseCode() {
  std::size_t total = 0;
  dl_iterate_phdr(&ReleaseOne, &total);
  return total;
}

}  // namespace base
