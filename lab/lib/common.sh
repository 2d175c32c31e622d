# What every lab command shares: names, places, privileges, and who runs where.
# shellcheck shell=bash

set -o errexit -o nounset -o pipefail
shopt -s inherit_errexit

LAB_SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
LAB_REPO=$(dirname "$LAB_SOURCE")
LAB_NET=10.77.0
# shellcheck disable=SC2034  # read by the commands that source this file
LAB_MON_IP=$LAB_NET.1 LAB_FAKE_LINE_PORT=8090
LAB_SKIPPED=77

say() { printf 'lab: %s\n' "$*" >&2; }

die() {
  say "$*"
  exit 1
}

# Ends with the status that test runners read as "skipped", and with the reason.
skip() {
  say "skipped: $*"
  exit "$LAB_SKIPPED"
}

# Prints the purpose text of a command: its comment block below the first line.
usage() {
  sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0"
}

# Becomes root by sudo without a password, or says that it cannot.
need_root() {
  [ "$(id -u)" -eq 0 ] && return
  if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    exec sudo -n --preserve-env=RAKSA_LAB_DIR "$0" "$@"
  fi
  skip "the lab needs root (network namespaces, mounts, systemd-nspawn), and sudo -n does not work"
}

# Fixes the lab's directory (argument or RAKSA_LAB_DIR or build/lab) and every name made from it.
# A lab elsewhere than build/lab gets names of its own, so that two labs can be up at once.
set_lab_dir() {
  local wanted=${1:-${RAKSA_LAB_DIR:-$LAB_REPO/build/lab}}
  LAB_DIR=$(realpath -m "$wanted")
  export RAKSA_LAB_DIR=$LAB_DIR
  LAB_STATE=$LAB_DIR/state
  LAB_PREFIX=raksa
  if [ "$LAB_DIR" != "$LAB_REPO/build/lab" ]; then
    LAB_PREFIX=raksa-$(printf '%s' "$LAB_DIR" | sha256sum | cut -c1-4)
  fi
  LAB_MON_NS=$LAB_PREFIX-mon
}

# One lab command at a time may build up or take down: the lock is held until this shell ends.
lock_lab() {
  mkdir -p "$LAB_DIR"
  exec {LAB_LOCK}>"$LAB_DIR/.lock"
  flock -w 600 "$LAB_LOCK" || die "another lab command holds $LAB_DIR/.lock"
}

# Start time of a process in clock ticks after boot; empty when there is none.
start_time_of() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  # Field 22; the command name (field 2, in brackets) may itself hold spaces.
  # shellcheck disable=SC2086  # its fields are words
  set -- ${stat##*) }
  printf '%s' "${20}"
}

# Writes "pid start-time" of a process to a file.
record_process() { printf '%s %s\n' "$1" "$(start_time_of "$1")" >"$2"; }

# Prints the recorded pid if that very process still lives.
recorded_pid() {
  local pid started
  [ -s "$1" ] && read -r pid started <"$1" || return 1
  [ -n "$started" ] && [ "$(start_time_of "$pid")" = "$started" ] || return 1
  printf '%s' "$pid"
}

# Ends the recorded process: TERM, up to $2 tenths of a second, KILL; then forgets it.
end_recorded() {
  local pid tenths=${2:-30}
  while pid=$(recorded_pid "$1"); do
    if [ "$tenths" -eq "${2:-30}" ]; then kill -TERM "$pid" 2>/dev/null || true; fi
    if [ "$tenths" -le 0 ]; then kill -KILL "$pid" 2>/dev/null || true; fi
    [ "$tenths" -gt -20 ] || return 1
    tenths=$((tenths - 1))
    sleep 0.1
  done
  rm -f "$1"
}

# Waits up to $1 tenths of a second for a command to succeed.
wait_for() {
  local tenths=$1
  shift
  until "$@"; do
    tenths=$((tenths - 1))
    [ "$tenths" -gt 0 ] || return 1
    sleep 0.1
  done
}

# Names of the servers that this lab has, one a line.
server_names() {
  local dir
  for dir in "$LAB_DIR"/servers/*/; do
    [ -d "$dir" ] && basename "$dir"
  done | sort -V
}

server_ns() { printf '%s-%s' "$LAB_PREFIX" "$1"; }
server_dir() { printf '%s/servers/%s' "$LAB_DIR" "$1"; }

# web1 → 10.77.0.11
server_ip() { printf '%s.%d' "$LAB_NET" $((10 + ${1#web})); }

need_server() {
  [[ $1 =~ ^web[1-9][0-9]?$ ]] || die "'$1' is no server's name (web1, web2, ...)"
  [ -d "$(server_dir "$1")" ] || die "no server $1 in $LAB_DIR; there are: $(server_names | xargs)"
}

# Pid of the server's own init (child of systemd-nspawn); fails when it is off.
leader_of() {
  local run nspawn leader
  run=$(recorded_pid "$(server_dir "$1")/run.pid") || return 1
  nspawn=$(child_named "$run" systemd-nspawn) || return 1
  leader=$(child_named "$nspawn" systemd) || return 1
  printf '%s' "$leader"
}

# First child of process $1 whose command name is $2.
child_named() {
  local child
  # shellcheck disable=SC2013  # one line of words
  for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
    if [ "$(cat "/proc/$child/comm" 2>/dev/null)" = "$2" ]; then
      printf '%s' "$child"
      return
    fi
  done
  return 1
}

# Runs a command inside a server, past its network and its sshd.
inside() {
  local name=$1 leader
  shift
  leader=$(leader_of "$name") || die "$name is not running"
  nsenter -t "$leader" -a env -i HOME=/root USER=root LANG=C.UTF-8 TERM="${TERM:-dumb}" \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# Runs a command in the monitor's network namespace.
in_mon() {
  [ -e "/run/netns/$LAB_MON_NS" ] || die "the lab is not up (no namespace $LAB_MON_NS)"
  nsenter --net="/run/netns/$LAB_MON_NS" "$@"
}

# Runs a command as Raksa does: over SSH from the monitor as user ops, strict host keys.
by_ssh() {
  local name=$1
  shift
  in_mon ssh -F none -i "$LAB_STATE/id_ed25519" -o BatchMode=yes -o IdentitiesOnly=yes \
    -o StrictHostKeyChecking=yes -o UserKnownHostsFile="$LAB_STATE/true_known_hosts" \
    -o GlobalKnownHostsFile=/dev/null -o ConnectTimeout=3 "ops@$(server_ip "$name")" "$@"
}

# Sets NSPAWN to the command that boots the system below $2, named and networked by namespace $1, as host $3.
set_nspawn() {
  # The API file systems must be writable and no system call filtered: dockerd runs inside.
  NSPAWN=(env SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes SYSTEMD_SECCOMP=0 systemd-nspawn --quiet
    --register=no "--network-namespace-path=/run/netns/$1" -M "$1" -D "$2" "--hostname=$3"
    --resolv-conf=off --timezone=off --link-journal=no --capability=all --console=pipe)
  # Where systemd does not run on this machine, nobody can make a scope for the server.
  [ -d /run/systemd/system ] || NSPAWN+=(--keep-unit)
  NSPAWN+=(-b)
}

# Where no systemd of this machine makes a scope for it, a server needs a control group of its own all the same:
# else the systemds of all servers would share one tree. Moves this shell into the group.
own_cgroup() {
  local tree
  [ ! -d /run/systemd/system ] || return 0
  for tree in $(cgroup_trees); do
    mkdir -p "$tree/$1"
    printf '%s\n' "$BASHPID" >"$tree/$1/cgroup.procs"
  done
}

# Ends whatever still runs in a server's groups (systemd's and dockerd's) and removes them. The name may hold "*".
remove_cgroups() {
  local branch tries pid
  # shellcheck disable=SC2086,SC2231  # a pattern on purpose
  for branch in /sys/fs/cgroup/$1 /sys/fs/cgroup/*/${1}; do
    for tries in 0 1 2 3 4 5 6 7; do
      [ -d "$branch" ] || break
      # shellcheck disable=SC2044  # numbers, one a line
      for pid in $(find "$branch" -name cgroup.procs -exec cat {} + 2>/dev/null || true); do
        [ "$pid" -eq 0 ] || kill -KILL "$pid" 2>/dev/null || true
      done
      find "$branch" -depth -type d -exec rmdir {} + 2>/dev/null || true
      [ ! -d "$branch" ] || sleep "0.$tries"
    done
  done
}

# The trees in which systemd keeps its units: cgroup v2, or v1's named ones.
cgroup_trees() {
  if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
    printf '/sys/fs/cgroup\n'
  else
    find /sys/fs/cgroup -maxdepth 1 \( -name systemd -o -name unified \) -type d
  fi
}
