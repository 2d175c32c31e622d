# What can be seen of a server from outside, as the monitor sees it.
# shellcheck shell=bash

# The status that GET / answers; 0 for no answer within two seconds. $2 = http or https.
seen_http() {
  local code
  code=$(in_mon curl -ksS -o /dev/null -m 2 -w '%{http_code}' "${2:-http}://$(server_ip "$1")/" \
    2>/dev/null) || true
  printf '%d' "$((10#${code:-0}))"
}

seen_ping() {
  if in_mon ping -n -c1 -W1 "$(server_ip "$1")" >/dev/null 2>&1; then printf 1; else printf 0; fi
}

# 1 when a TCP connection to port $2 opens within a second.
seen_port() {
  # shellcheck disable=SC2016  # expanded by the inner shell
  if in_mon timeout 1 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$(server_ip "$1")" "$2" 2>/dev/null; then
    printf 1
  else
    printf 0
  fi
}

seen_ssh() {
  if by_ssh "$1" true >/dev/null 2>&1; then printf 1; else printf 0; fi
}

# One SNMP value by v2c; empty when none came.
seen_snmp() {
  in_mon snmpget -v2c -c "$(cat "$LAB_STATE/community")" -t 1 -r 1 -Oqvt "$(server_ip "$1")" "$2" \
    2>/dev/null || true
}

# Processor use over two seconds, in percent, by the counters that Raksa reads (user … idle).
seen_cpu() {
  local idle0 idle1 total0 total1
  read -r idle0 total0 < <(snmp_cpu_ticks "$1")
  sleep 2
  read -r idle1 total1 < <(snmp_cpu_ticks "$1")
  [ "${total1:-0}" -gt "${total0:-0}" ] || { printf 0; return; }
  printf '%d' $((100 - 100 * (idle1 - idle0) / (total1 - total0)))
}

# "idle total" of ssCpuRaw: user, nice, system, idle, wait, interrupt, softirq, steal.
snmp_cpu_ticks() {
  local base=.1.3.6.1.4.1.2021.11 values total=0 value
  mapfile -t values < <(in_mon snmpget -v2c -c "$(cat "$LAB_STATE/community")" -t 1 -r 1 -Oqv \
    "$(server_ip "$1")" $base.53.0 $base.50.0 $base.51.0 $base.52.0 $base.54.0 $base.61.0 \
    $base.64.0 2>/dev/null)
  for value in "${values[@]}"; do
    [[ $value =~ ^[0-9]+$ ]] && total=$((total + value))
  done
  printf '%s %s\n' "${values[0]:-0}" "$total"
}

# Memory use in percent: total - (free + buffers + cached), the source design's formula.
seen_mem() {
  local base=.1.3.6.1.4.1.2021.4 total free buffers cached
  total=$(seen_snmp "$1" $base.5.0) free=$(seen_snmp "$1" $base.6.0)
  buffers=$(seen_snmp "$1" $base.14.0) cached=$(seen_snmp "$1" $base.15.0)
  total=${total%% *} free=${free%% *} buffers=${buffers%% *} cached=${cached%% *}
  [[ $total =~ ^[1-9] ]] || { printf 0; return; }
  printf '%d' $((100 * (total - free - ${buffers:-0} - ${cached:-0}) / total))
}

# Use of the file system / in percent: used / (used + available).
seen_disk() {
  local base=.1.3.6.1.4.1.2021.9.1 used available
  used=$(seen_snmp "$1" $base.8.1) available=$(seen_snmp "$1" $base.7.1)
  used=${used%% *} available=${available%% *}
  [[ $used && $available ]] || { printf 0; return; }
  printf '%d' $((100 * used / (used + available)))
}

# True when everything that the monitor looks at is good.
seen_healthy() {
  [ "$(seen_http "$1")" = 200 ] && [ "$(seen_ping "$1")" = 1 ] && [ "$(seen_port "$1" 443)" = 1 ] &&
    [ "$(seen_port "$1" 22)" = 1 ] && [ -n "$(seen_snmp "$1" .1.3.6.1.2.1.1.3.0)" ]
}
