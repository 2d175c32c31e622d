// Opens net-snmp sessions: initialisation, protocols, keys and users of version 3.
#include "probe/snmp/open.h"

#include <net-snmp/net-snmp-config.h>
// net-snmp's first header must come first.
#include <fmt/format.h>
#include <net-snmp/net-snmp-includes.h>

#include <array>
#include <cstdlib>
#include <map>

#include "base/text.h"

namespace probe::snmp {
namespace {

/// Before main, as the environment may not change while threads read it: net-snmp shall neither
/// parse MIB files nor read or write anything of the user's.
const bool kEnvironment = [] {
  ::setenv("MIBS", "", 1);
  ::setenv("MIBDIRS", "/dev/null", 1);
  ::setenv("SNMPCONFPATH", "/dev/null", 1);
  ::setenv("SNMP_PERSISTENT_DIR", "/dev/null", 1);
  return true;
}();

/// Once, on the worker.
void Init() {
  static const bool once = [] {
    snmp_disable_log();
    netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_READ_CONFIGS, 1);
    netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_PERSIST_STATE, 1);
    init_snmp("raksa");
    snmp_disable_log();
    return kEnvironment;
  }();
  static_cast<void>(once);
}

struct Protocol {
  std::string_view name;
  const oid* id;
  std::size_t size;
};

const Protocol* FindAuth(std::string_view name) {
  static const std::array<Protocol, 6> kAll = {
      {{"MD5", usmHMACMD5AuthProtocol, OID_LENGTH(usmHMACMD5AuthProtocol)},
       {"SHA", usmHMACSHA1AuthProtocol, OID_LENGTH(usmHMACSHA1AuthProtocol)},
       {"SHA-224", usmHMAC128SHA224AuthProtocol, OID_LENGTH(usmHMAC128SHA224AuthProtocol)},
       {"SHA-256", usmHMAC192SHA256AuthProtocol, OID_LENGTH(usmHMAC192SHA256AuthProtocol)},
       {"SHA-384", usmHMAC256SHA384AuthProtocol, OID_LENGTH(usmHMAC256SHA384AuthProtocol)},
       {"SHA-512", usmHMAC384SHA512AuthProtocol, OID_LENGTH(usmHMAC384SHA512AuthProtocol)}}};
  for (const auto& p : kAll) {
    if (p.name == name) {
      return &p;
    }
  }
  return nullptr;
}

const Protocol* FindPriv(std::string_view name) {
  static const std::array<Protocol, 4> kAll = {
      {{"DES", usmDESPrivProtocol, OID_LENGTH(usmDESPrivProtocol)},
       {"AES", usmAESPrivProtocol, OID_LENGTH(usmAESPrivProtocol)},
       {"AES-192", usmAES192PrivProtocol, OID_LENGTH(usmAES192PrivProtocol)},
       {"AES-256", usmAES256PrivProtocol, OID_LENGTH(usmAES256PrivProtocol)}}};
  for (const auto& p : kAll) {
    if (p.name == name) {
      return &p;
    }
  }
  return nullptr;
}

/// The key of a pass phrase (Ku); "" = none could be made.
std::vector<std::uint8_t> MakeKey(const Protocol& hash, const std::string& phrase,
                                  std::size_t room) {
  if (phrase.size() < USM_LENGTH_P_MIN) {
    return {};
  }
  std::vector<std::uint8_t> out(room);
  std::size_t size = room;
  if (generate_Ku(hash.id, static_cast<u_int>(hash.size),
                  reinterpret_cast<const u_char*>(phrase.data()), phrase.size(), out.data(),
                  &size) != SNMPERR_SUCCESS) {
    return {};
  }
  out.resize(size);
  return out;
}

/// Fills in the USM part. "" = done. Runs on the worker.
std::string FillV3(netsnmp_session& s, const model::SnmpCredential& c, V3State& v3) {
  s.securityModel = USM_SEC_MODEL_NUMBER;
  s.securityName = const_cast<char*>(c.user.c_str());
  s.securityNameLen = c.user.size();
  s.contextName = const_cast<char*>(c.context.c_str());
  s.contextNameLen = c.context.size();
  s.securityLevel = c.level == "authPriv"     ? SNMP_SEC_LEVEL_AUTHPRIV
                    : c.level == "authNoPriv" ? SNMP_SEC_LEVEL_AUTHNOPRIV
                                              : SNMP_SEC_LEVEL_NOAUTH;
  s.flags |= SNMP_FLAGS_DONT_PROBE;
  s.securityEngineID = v3.engine->id.data();
  s.securityEngineIDLen = v3.engine->id.size();
  if (!v3.engine_told) {
    s.engineBoots = v3.engine->boots;
    s.engineTime = v3.engine->time;
  }
  if (s.securityLevel == SNMP_SEC_LEVEL_NOAUTH) {
    return "";
  }
  const Protocol* auth = FindAuth(c.auth_protocol);
  if (auth == nullptr) {
    return fmt::format("unknown authentication protocol \"{}\"", c.auth_protocol);
  }
  if (v3.auth_key.empty()) {
    v3.auth_key = MakeKey(*auth, c.auth_password.Reveal(), USM_AUTH_KU_LEN);
  }
  if (v3.auth_key.empty()) {
    return "no key can be made of the authentication pass phrase (8 characters at least)";
  }
  s.securityAuthProto = const_cast<oid*>(auth->id);
  s.securityAuthProtoLen = auth->size;
  std::copy(v3.auth_key.begin(), v3.auth_key.end(), s.securityAuthKey);
  s.securityAuthKeyLen = v3.auth_key.size();
  if (s.securityLevel != SNMP_SEC_LEVEL_AUTHPRIV) {
    return "";
  }
  const Protocol* priv = FindPriv(c.priv_protocol);
  if (priv == nullptr) {
    return fmt::format("unknown privacy protocol \"{}\"", c.priv_protocol);
  }
  if (v3.priv_key.empty()) {
    v3.priv_key = MakeKey(*auth, c.priv_password.Reveal(), USM_PRIV_KU_LEN);
  }
  if (v3.priv_key.empty()) {
    return "no key can be made of the privacy pass phrase (8 characters at least)";
  }
  s.securityPrivProto = const_cast<oid*>(priv->id);
  s.securityPrivProtoLen = priv->size;
  std::copy(v3.priv_key.begin(), v3.priv_key.end(), s.securityPrivKey);
  s.securityPrivKeyLen = v3.priv_key.size();
  return "";
}

/// The user list is the process's: a user whose credentials have changed is made anew.
void RenewUser(const model::SnmpCredential& c, const V3State& v3) {
  static std::map<std::string, std::string> known;
  const std::string who = base::Hex(v3.engine->id) + "/" + c.user;
  const std::string what =
      base::Sha256Hex(c.level + '\n' + c.auth_protocol + '\n' + c.auth_password.Reveal() + '\n' +
                      c.priv_protocol + '\n' + c.priv_password.Reveal());
  const auto at = known.find(who);
  if (at != known.end() && at->second != what) {
    usmUser* user = usm_get_user(v3.engine->id.data(), v3.engine->id.size(), c.user.c_str());
    if (user != nullptr) {
      usm_remove_user(user);
      usm_free_user(user);
    }
  }
  known[who] = what;
}

}  // namespace

Opened OpenOnWorker(const std::string& peer, const model::SnmpCredential& credential,
                    const std::shared_ptr<V3State>& v3, base::Duration resend) {
  Init();
  Opened out;
  netsnmp_session s;
  snmp_sess_init(&s);
  s.version = credential.version == 1   ? SNMP_VERSION_1
              : credential.version == 3 ? SNMP_VERSION_3
                                        : SNMP_VERSION_2c;
  s.peername = const_cast<char*>(peer.c_str());
  s.timeout = std::max<long>(
      1'000,
      static_cast<long>(std::chrono::duration_cast<std::chrono::microseconds>(resend).count()));
  s.retries = 5;
  const std::string& community = credential.community.Reveal();
  if (credential.version == 3) {
    out.error = FillV3(s, credential, *v3);
    if (!out.error.empty()) {
      return out;
    }
    RenewUser(credential, *v3);
  } else {
    s.community = reinterpret_cast<u_char*>(const_cast<char*>(community.data()));
    s.community_len = community.size();
  }
  out.handle = snmp_sess_open(&s);
  if (out.handle == nullptr) {
    char* text = nullptr;
    int system = 0;
    int library = 0;
    snmp_error(&s, &system, &library, &text);
    out.error = base::Printable(text != nullptr ? text : "the session cannot be opened");
    SNMP_FREE(text);
    return out;
  }
  if (v3) {
    v3->engine_told = true;
  }
  out.fd = snmp_sess_transport(out.handle)->sock;
  return out;
}

}  // namespace probe::snmp
