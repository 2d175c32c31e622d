# The base image: a Debian disk with everything in it, made once and copied for each server.
# shellcheck shell=bash

# It is made in two steps, each kept under a name made from its recipe, so that a change of the image's files
# does not fetch the packages again:  packages-HASH.img (debootstrap), base-HASH.img (files in, booted once).

# Labs in other directories use the same cache; its lock is held while it is worked on.
LAB_DISK_SIZE=4G
LAB_BASE_DIR=$LAB_REPO/build/lab/base

package_list() { sed '/^#/d;/^$/d' "$LAB_SOURCE/image/packages" | paste -sd,; }

packages_key() {
  { package_list; printf '%s bookworm\n' "$LAB_DISK_SIZE"; } | sha256sum | cut -c1-12
}

base_key() {
  {
    packages_key
    cd "$LAB_SOURCE/image" || exit
    find . -type f -print0 | sort -z | xargs -0 sha256sum
    find . -type f -printf '%p %m\n' | sort
  } | sha256sum | cut -c1-12
}

# The mirror that this machine's own apt uses for Debian bookworm.
debian_mirror() {
  local format codename
  # shellcheck disable=SC2016  # apt's own placeholders
  format='$(REPO_URI)'
  codename='Codename: bookworm'
  apt-get indextargets --format "$format" 'Created-By: Packages' "$codename" 'Component: main' |
    head -n 1
}

# debootstrap and apt's proxy are two things: hand apt's over.
export_apt_proxy() {
  local proxy
  proxy=$(apt-config dump --format '%v%n' Acquire::http::Proxy)
  [ -z "$proxy" ] || [ "$proxy" = DIRECT ] || export http_proxy=$proxy
  proxy=$(apt-config dump --format '%v%n' Acquire::https::Proxy)
  [ -z "$proxy" ] || [ "$proxy" = DIRECT ] || export https_proxy=$proxy
}

# Takes the cache's lock, waiting for it up to $1 seconds.
lock_base() {
  mkdir -p "$LAB_BASE_DIR"
  exec {BASE_LOCK}>"$LAB_BASE_DIR/.lock"
  flock -w "$1" "$BASE_LOCK"
}

unlock_base() {
  [ -z "${BASE_LOCK:-}" ] || exec {BASE_LOCK}>&-
  BASE_LOCK=''
}

# Undoes what a build that was cut off has left: its mount and its half disk.
clear_base_build() {
  local work=$LAB_BASE_DIR/.work pid
  if pid=$(recorded_pid "$work/run.pid"); then
    if pid=$(child_named "$pid" systemd); then kill -KILL "$pid" 2>/dev/null || true; fi
    end_recorded "$work/run.pid" 50 || true
  fi
  # debootstrap leads a session of its own: its helpers end with it.
  if pid=$(recorded_pid "$work/debootstrap.pid"); then
    kill -KILL -- "-$pid" 2>/dev/null || true
    sleep 0.5
  fi
  ip netns del raksa-base 2>/dev/null || true
  remove_cgroups 'raksa-base*'
  # debootstrap mounts /proc and /sys below.
  if mountpoint -q "$work/root"; then umount -R "$work/root" 2>/dev/null || umount -Rl "$work/root"; fi
  rm -rf --one-file-system "$work"
}

make_packages_disk() {
  local work=$LAB_BASE_DIR/.work mirror
  mirror=$(debian_mirror)
  [ -n "$mirror" ] || die "this machine's apt has no source for Debian bookworm"
  export_apt_proxy
  say "fetching and unpacking the packages of the base image (about a minute, once)"
  truncate -s "$LAB_DISK_SIZE" "$work/disk.img"
  mkfs.ext4 -q -m 1 -L lab "$work/disk.img"
  mount -o loop,noatime "$work/disk.img" "$work/root"
  mkdir -p "$LAB_BASE_DIR/cache"
  (
    exec {LAB_LOCK}>&- {BASE_LOCK}>&-
    exec setsid debootstrap --variant=minbase --include="$(package_list)" \
      --cache-dir="$LAB_BASE_DIR/cache" bookworm "$work/root" "$mirror" </dev/null \
      >"$LAB_BASE_DIR/debootstrap.log" 2>&1
  ) &
  record_process $! "$work/debootstrap.pid"
  wait $! || {
    tail -n 5 "$LAB_BASE_DIR/debootstrap.log" >&2
    die "debootstrap failed: see $LAB_BASE_DIR/debootstrap.log"
  }
  rm -rf "$work"/root/var/cache/apt/* "$work"/root/var/lib/apt/lists/* "$LAB_BASE_DIR/cache"
  finish_base_disk "$1"
}

# Trims, unmounts, and gives the disk its name in one step.
finish_base_disk() {
  local work=$LAB_BASE_DIR/.work
  fstrim "$work/root" 2>/dev/null || true
  umount "$work/root"
  mv "$work/disk.img" "$1"
}

make_base_disk() {
  local work=$LAB_BASE_DIR/.work packages=$1 base=$2 root leader
  root=$work/root
  say "making the base image: files, firewall, containers"
  cp --sparse=always --reflink=auto "$packages" "$work/disk.img"
  mount -o loop,noatime "$work/disk.img" "$root"
  cp -R --no-preserve=ownership "$LAB_SOURCE/image/files/." "$root/"
  chmod 440 "$root/etc/sudoers.d/ops"
  install -m 755 "$LAB_SOURCE/image/prepare" "$LAB_SOURCE/image/first-boot" "$root/root/"
  chroot "$root" /root/prepare
  docker_settings base >"$root/etc/docker/daemon.json"
  ip netns add raksa-base
  ip -n raksa-base link set lo up
  set_nspawn raksa-base "$root" base
  (
    own_cgroup raksa-base
    exec {LAB_LOCK}>&- {BASE_LOCK}>&-
    exec setsid "${NSPAWN[@]}" </dev/null >"$LAB_BASE_DIR/boot.log" 2>&1
  ) &
  record_process $! "$work/run.pid"
  wait_for 100 base_is_up "$work/run.pid" || die "the base does not boot: see $LAB_BASE_DIR/boot.log"
  leader=$(child_named "$(recorded_pid "$work/run.pid")" systemd)
  nsenter -t "$leader" -a env -i HOME=/root LANG=C.UTF-8 \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /root/first-boot ||
    die "the base image's first boot failed"
  nsenter -t "$leader" -a systemctl poweroff --no-wall >/dev/null 2>&1 || true
  wait_for 300 base_is_off "$work/run.pid" || die "the base does not switch off"
  rm -rf "$work/run.pid" "$root"/root/prepare "$root"/root/first-boot "$root"/var/log/journal/*
  ip netns del raksa-base
  finish_base_disk "$base"
}

base_is_up() {
  local run leader
  run=$(recorded_pid "$1") && leader=$(child_named "$run" systemd) &&
    nsenter -t "$leader" -a systemctl is-active --quiet docker.service nginx.service 2>/dev/null
}

base_is_off() { ! recorded_pid "$1" >/dev/null; }

# Makes what is missing and sets LAB_BASE to the base image's path. Older images are thrown away.
need_base() {
  local packages file
  lock_base 600 || die "another lab holds $LAB_BASE_DIR/.lock"
  packages=$LAB_BASE_DIR/packages-$(packages_key).img
  LAB_BASE=$LAB_BASE_DIR/base-$(base_key).img
  if [ -e "$LAB_BASE" ]; then
    unlock_base
    return
  fi
  for step in packages base; do
    clear_base_build
    mkdir -p "$LAB_BASE_DIR/.work/root"
    if [ "$step" = base ]; then
      make_base_disk "$packages" "$LAB_BASE"
    elif [ ! -e "$packages" ]; then
      make_packages_disk "$packages"
    fi
  done
  clear_base_build
  for file in "$LAB_BASE_DIR"/*.img; do
    case $file in "$packages" | "$LAB_BASE") ;; *) rm -f "$file" ;; esac
  done
  unlock_base
}
