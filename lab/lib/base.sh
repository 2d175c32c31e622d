# The base image: a Debian disk with everything in it, made once and copied for each server.
# shellcheck shell=bash

# It is made in two steps, each kept under a name made from its recipe, so that a change of the image's files
# does not fetch the packages again:  packages-HASH.img (debootstrap), base-HASH.img (files in, booted once).

LAB_DISK_SIZE=4G

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

# Undoes what a build that was cut off has left: its mount and its half disk.
clear_base_build() {
  local work=$LAB_DIR/base/.work
  if [ -s "$work/run.pid" ]; then end_recorded "$work/run.pid" 50 || true; fi
  ip netns del "$LAB_PREFIX-base" 2>/dev/null || true
  remove_cgroups "$LAB_PREFIX-base*"
  if mountpoint -q "$work/root"; then umount -l "$work/root"; fi
  rm -rf "$work"
}

make_packages_disk() {
  local work=$LAB_DIR/base/.work mirror
  mirror=$(debian_mirror)
  [ -n "$mirror" ] || die "this machine's apt has no source for Debian bookworm"
  export_apt_proxy
  say "fetching and unpacking the packages of the base image (about a minute, once)"
  truncate -s "$LAB_DISK_SIZE" "$work/disk.img"
  mkfs.ext4 -q -m 1 -L lab "$work/disk.img"
  mount -o loop,noatime "$work/disk.img" "$work/root"
  mkdir -p "$LAB_DIR/base/cache"
  debootstrap --variant=minbase --include="$(package_list)" --cache-dir="$LAB_DIR/base/cache" \
    bookworm "$work/root" "$mirror" >"$LAB_DIR/base/debootstrap.log" 2>&1 || {
    tail -n 5 "$LAB_DIR/base/debootstrap.log" >&2
    die "debootstrap failed: see $LAB_DIR/base/debootstrap.log"
  }
  rm -rf "$work"/root/var/cache/apt/* "$work"/root/var/lib/apt/lists/* "$LAB_DIR/base/cache"
  finish_base_disk "$1"
}

# Trims, unmounts, and gives the disk its name in one step.
finish_base_disk() {
  local work=$LAB_DIR/base/.work
  fstrim "$work/root" 2>/dev/null || true
  umount "$work/root"
  mv "$work/disk.img" "$1"
}

make_base_disk() {
  local work=$LAB_DIR/base/.work packages=$1 base=$2 root leader
  root=$work/root
  say "making the base image: files, firewall, containers"
  cp --sparse=always --reflink=auto "$packages" "$work/disk.img"
  mount -o loop,noatime "$work/disk.img" "$root"
  cp -R --no-preserve=ownership "$LAB_SOURCE/image/files/." "$root/"
  chmod 440 "$root/etc/sudoers.d/ops"
  install -m 755 "$LAB_SOURCE/image/prepare" "$LAB_SOURCE/image/first-boot" "$root/root/"
  chroot "$root" /root/prepare
  docker_settings base >"$root/etc/docker/daemon.json"
  ip netns add "$LAB_PREFIX-base"
  ip -n "$LAB_PREFIX-base" link set lo up
  set_nspawn "$LAB_PREFIX-base" "$root" base
  (
    own_cgroup "$LAB_PREFIX-base"
    exec {LAB_LOCK}>&-
    exec setsid "${NSPAWN[@]}" </dev/null >"$LAB_DIR/base/boot.log" 2>&1
  ) &
  record_process $! "$work/run.pid"
  wait_for 100 base_is_up "$work/run.pid" || die "the base does not boot: see $LAB_DIR/base/boot.log"
  leader=$(child_named "$(recorded_pid "$work/run.pid")" systemd)
  nsenter -t "$leader" -a env -i HOME=/root LANG=C.UTF-8 \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /root/first-boot ||
    die "the base image's first boot failed"
  nsenter -t "$leader" -a systemctl poweroff --no-wall >/dev/null 2>&1 || true
  wait_for 300 base_is_off "$work/run.pid" || die "the base does not switch off"
  rm -rf "$work/run.pid" "$root"/root/prepare "$root"/root/first-boot "$root"/var/log/journal/*
  ip netns del "$LAB_PREFIX-base"
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
  mkdir -p "$LAB_DIR/base"
  packages=$LAB_DIR/base/packages-$(packages_key).img
  LAB_BASE=$LAB_DIR/base/base-$(base_key).img
  [ ! -e "$LAB_BASE" ] || return 0
  for step in packages base; do
    clear_base_build
    mkdir -p "$LAB_DIR/base/.work/root"
    if [ "$step" = base ]; then
      make_base_disk "$packages" "$LAB_BASE"
    elif [ ! -e "$packages" ]; then
      make_packages_disk "$packages"
    fi
  done
  clear_base_build
  for file in "$LAB_DIR"/base/*.img; do
    case $file in "$packages" | "$LAB_BASE") ;; *) rm -f "$file" ;; esac
  done
}
