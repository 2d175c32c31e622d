// What `docker container inspect` says of a container.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace diagnosis::parse {

/// A port of the host that a container publishes.
struct PortBinding {
  std::string host_ip;  ///< "" = every address
  std::uint16_t host_port = 0;
  std::uint16_t container_port = 0;
  std::string protocol;  ///< "tcp", "udp", "sctp"
  bool operator==(const PortBinding&) const = default;
};

/// The parts of a container that tell how it is (Docker Engine API, ContainerInspect). Environment
/// and arguments are never asked for: they hold passwords.
struct Container {
  std::string id;      ///< 64 hexadecimal digits
  std::string name;    ///< without the leading slash
  std::string status;  ///< "created", "running", "paused", "restarting", "removing", "exited",
                       ///< "dead"
  bool running = false;
  bool paused = false;
  bool restarting = false;
  bool oom_killed = false;
  bool dead = false;
  int exit_code = 0;
  std::string error;
  base::Time started{};              ///< zero = never
  base::Time finished{};             ///< zero = never
  std::string health;                ///< "", "starting", "healthy", "unhealthy"
  std::string health_log;            ///< output of the last failed health check
  std::string restart_policy;        ///< "no", "always", "on-failure", "unless-stopped"
  std::string network_mode;          ///< "web", "host", "container:ID"
  std::int64_t memory = 0;           ///< limit in bytes, 0 = none
  int restarts = 0;                  ///< RestartCount
  std::vector<std::string> folders;  ///< of the host, mounted by --mount type=bind: docker does not
                                     ///< make them when they are missing; at most 16
  std::string compose_project;       ///< label com.docker.compose.project
  std::string compose_service;       ///< label com.docker.compose.service
  std::string compose_depends;  ///< label com.docker.compose.depends_on: "db:service_started:false"
  std::vector<PortBinding> ports;
};

/// The Go template that makes docker print only what is needed, as one JSON object.
inline constexpr std::string_view kInspectFormat =
    R"({"name":{{json .Name}},"state":{{json .State}},"restart":{{json .HostConfig.RestartPolicy}},)"
    R"("ports":{{json .HostConfig.PortBindings}},"network":{{json .HostConfig.NetworkMode}},)"
    R"("memory":{{json .HostConfig.Memory}},"restarts":{{json .RestartCount}},)"
    R"("id":{{json .ID}},"project":{{json (index .Config.Labels "com.docker.compose.project")}},)"
    R"("service":{{json (index .Config.Labels "com.docker.compose.service")}},)"
    R"("mounts":{{json .HostConfig.Mounts}},)"
    R"("depends":{{json (index .Config.Labels "com.docker.compose.depends_on")}}})";

/// What `docker ps` tells of each container that way: name, id, state and compose's labels.
inline constexpr std::string_view kListFormat =
    R"({"name":{{json .Names}},"id":{{json .ID}},"state":{"Status":{{json .State}}},)"
    R"("project":{{json (.Label "com.docker.compose.project")}},)"
    R"("service":{{json (.Label "com.docker.compose.service")}},)"
    R"("depends":{{json (.Label "com.docker.compose.depends_on")}}})";

/// `docker ps` with that template: every container of the host, one a line, for ReadContainers.
std::vector<std::string> ListArgv();

/// `docker container inspect` with that template.
std::vector<std::string> InspectArgv(const std::string& name);

/// Reads that object; text after it (standard error) is left alone. Errors: kInvalid with the
/// reason.
base::Result<Container> ReadContainer(std::string_view text);

/// Whether `other` lives in the network of `container` (`--network container:X`).
bool SharesNetwork(const Container& other, const Container& container);
/// Reads the objects of several containers, one a line; lines that are none are left out. At most
/// 200.
std::vector<Container> ReadContainers(std::string_view text);

/// Names of the containers that `container` cannot do without: the owner of its network
/// (`--network container:X`), and those that compose lists in depends_on. `all`: every container of
/// the host.
std::vector<std::string> DependsOn(const Container& container, const std::vector<Container>& all);
/// Names of the containers that cannot do without `container`.
std::vector<std::string> DependantsOf(const Container& container,
                                      const std::vector<Container>& all);

/// Whether a name can be a container's: [a-zA-Z0-9][a-zA-Z0-9_.-]*, at most 255.
bool IsContainerName(std::string_view name);

}  // namespace diagnosis::parse
