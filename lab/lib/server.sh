# One server of the lab: its disk, its network, its start and its end.
# shellcheck shell=bash

# Makes the disk of a server out of the base image and gives it an identity of its own.
make_server() {
  local name=$1 base=$2 dir root
  dir=$(server_dir "$name") root=$dir/root
  mkdir -p "$root"
  if mountpoint -q "$root"; then umount "$root"; fi
  cp --sparse=always --reflink=auto "$base" "$dir/disk.img"
  mount -o loop,noatime "$dir/disk.img" "$root"
  give_identity "$name" "$root"
  # Written last: without it the server counts as not made.
  base_key >"$dir/base"
}

# Name, machine-id, SSH host key, the monitor's public key, SNMP engine and user: no two servers share any.
give_identity() {
  local name=$1 root=$2 user auth_pass priv_pass
  printf '%s\n' "$name" >"$root/etc/hostname"
  printf '127.0.0.1 localhost %s\n::1 localhost\n%s monitor\n' "$name" "$LAB_MON_IP" >"$root/etc/hosts"
  tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
  rm -f "$root"/var/lib/dbus/machine-id "$root"/etc/ssh/ssh_host_*
  ssh-keygen -q -t ed25519 -N '' -C "root@$name" -f "$root/etc/ssh/ssh_host_ed25519_key"
  install -D -m 600 -o 1000 -g 1000 "$LAB_STATE/id_ed25519.pub" "$root/home/ops/.ssh/authorized_keys"
  chown 1000:1000 "$root/home/ops/.ssh"
  chmod 700 "$root/home/ops/.ssh"
  sed -i "s/@NAME@/$name/" "$root/etc/snmp/snmpd.conf"
  user=$(cat "$LAB_STATE/snmp_v3_user")
  auth_pass=$(cat "$LAB_STATE/snmp_v3_auth") priv_pass=$(cat "$LAB_STATE/snmp_v3_priv")
  rm -rf "$root"/var/lib/snmp/*
  printf 'createUser %s SHA "%s" AES "%s"\n' "$user" "$auth_pass" "$priv_pass" \
    >"$root/var/lib/snmp/snmpd.conf"
  chroot "$root" chown -R Debian-snmp:Debian-snmp /var/lib/snmp
  chmod 600 "$root/var/lib/snmp/snmpd.conf"
  docker_settings "$name" >"$root/etc/docker/daemon.json"
}

# Under cgroup v1 all dockerds of the lab see the host's one tree, so that each needs a branch of its own.
docker_settings() {
  if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
    printf '{}\n'
  else
    printf '{"cgroup-parent": "/%s-%s-docker"}\n' "$LAB_PREFIX" "$1"
  fi
}

# The monitor's namespace with the bridge to which every server's cable goes.
make_monitor_network() {
  [ -e "/run/netns/$LAB_MON_NS" ] || ip netns add "$LAB_MON_NS"
  if ! ip -n "$LAB_MON_NS" link show br0 >/dev/null 2>&1; then
    ip -n "$LAB_MON_NS" link add br0 type bridge
  fi
  ip -n "$LAB_MON_NS" addr replace "$LAB_MON_IP/24" dev br0
  ip -n "$LAB_MON_NS" link set lo up
  ip -n "$LAB_MON_NS" link set br0 up
  # As Debian's systemd sets it: unprivileged ICMP sockets for everybody.
  in_mon sysctl -qw net.ipv4.ping_group_range='0 2147483647'
}

# Starts a server that is off, and returns when its first process runs.
boot_server() {
  local name=$1 dir
  dir=$(server_dir "$name")
  if leader_of "$name" >/dev/null; then return; fi
  end_recorded "$dir/run.pid" || die "$name hangs between off and on"
  # After a restart of this machine the disk is there and not mounted.
  mountpoint -q "$dir/root" || mount -o loop,noatime "$dir/disk.img" "$dir/root"
  (
    # The server outlives this command and must not hold its lock.
    if [ -n "${LAB_LOCK:-}" ]; then exec {LAB_LOCK}>&-; fi
    exec setsid "$LAB_SOURCE/lib/run-server" "$name" </dev/null >"$dir/console.log" 2>&1
  ) &
  record_process $! "$dir/run.pid"
  wait_for 50 leader_of "$name" >/dev/null || {
    tail -n 20 "$dir/console.log" >&2
    die "$name does not start: see $dir/console.log"
  }
}

# Switches a server off: politely when $2 is "politely", else by pulling the plug.
stop_server() {
  local name=$1 dir leader tenths=0
  dir=$(server_dir "$name")
  if [ "${2:-}" = politely ] && leader=$(leader_of "$name"); then
    inside "$name" systemctl poweroff --no-wall >/dev/null 2>&1 || true
    tenths=150
  elif leader=$(leader_of "$name"); then
    # Death of a pid namespace's first process ends everything inside.
    kill -KILL "$leader" 2>/dev/null || true
    tenths=50
  fi
  while [ "$tenths" -gt 0 ] && recorded_pid "$dir/run.pid" >/dev/null; do
    tenths=$((tenths - 1))
    sleep 0.1
  done
  end_recorded "$dir/run.pid"
}

# Rewrites the list of servers: name, address, pid of its init (0 when off).
write_server_list() {
  local name
  for name in $(server_names); do
    printf '%s\t%s\t%s\n' "$name" "$(server_ip "$name")" "$(leader_of "$name" || printf 0)"
  done >"$LAB_STATE/servers.new"
  mv "$LAB_STATE/servers.new" "$LAB_STATE/servers"
}

# Collects every server's true host key, and gives the new ones to the monitor when $1 is 1.
write_known_hosts() {
  local name type key _
  for name in $(server_names); do
    read -r type key _ <"$(server_dir "$name")/root/etc/ssh/ssh_host_ed25519_key.pub"
    printf '%s %s %s\n' "$(server_ip "$name")" "$type" "$key"
  done >"$LAB_STATE/true_known_hosts"
  touch "$LAB_STATE/known_hosts"
  [ "$1" = 1 ] || return 0
  grep -vxFf "$LAB_STATE/known_hosts" "$LAB_STATE/true_known_hosts" >"$LAB_STATE/known_hosts.new" || true
  cat "$LAB_STATE/known_hosts.new" >>"$LAB_STATE/known_hosts"
  rm "$LAB_STATE/known_hosts.new"
}
