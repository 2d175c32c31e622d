// Enrolment: which host keys a server shows, and keeping them in known_hosts once a person agrees.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "loop/loop.h"
#include "model/target.h"

namespace ssh {

/// One public host key.
struct HostKey {
  std::string type;         ///< "ssh-ed25519"
  std::string key;          ///< base64 of the public key
  int bits = 0;             ///< 256, 3072 …
  std::string fingerprint;  ///< "SHA256:…", as `ssh-keygen -lf` and the server's console show it
  bool operator==(const HostKey&) const = default;
};

/// What a server shows, beside what is known of it.
struct EnrollOffer {
  std::string target;
  std::string host;         ///< as known_hosts names it: "192.0.2.1", "[192.0.2.1]:2222"
  std::string known_hosts;  ///< file
  std::vector<HostKey> keys;
  std::vector<HostKey> known;  ///< kept before, for this host
  /// Nothing to do: every key shown is kept already.
  [[nodiscard]] bool Complete() const;
  /// A kept key of the same type differs from the one shown: another machine, or a new
  /// installation.
  [[nodiscard]] bool Changed() const;
};

/// Asks the server for its host keys (ssh-keyscan) and reads what known_hosts has. Nothing is kept.
/// Errors: kInvalid (no ssh credential, no known_hosts file, a jump host), kUnavailable, kDeadline.
loop::Task<base::Result<EnrollOffer>> ScanHostKeys(model::Target target);

/// Keeps the offer's keys: known_hosts is written anew beside itself and moved into place, mode
/// 600. Keys of other hosts stay as they are. Errors: kRefused when a kept key differs and
/// `replace` is false; kUnavailable when the file cannot be written.
base::Result<> Store(const EnrollOffer& offer, bool replace = false);

/// The lines "host type key" of ssh-keyscan or known_hosts text that are for `host` (no markers, no
/// hashed names; comments skipped). Fingerprints are not filled in.
std::vector<HostKey> ParseHostKeys(std::string_view text, std::string_view host);
/// Reads `ssh-keygen -lf -`: "256 SHA256:… comment (ED25519)", one line a key, in order; puts bits
/// and fingerprints into `keys`. Errors: kInvalid when the lines are not as many as the keys.
base::Result<> FillFingerprints(std::vector<HostKey>& keys, std::string_view text);

}  // namespace ssh
