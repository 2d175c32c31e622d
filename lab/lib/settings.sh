# Raksa's configuration for the lab's servers.
# shellcheck shell=bash

# Every third server is asked by SNMPv3, the others by v2c.
snmp_credential() { if [ $((${1#web} % 3)) = 0 ]; then printf v3; else printf public; fi; }

# Writes LAB_DIR/raksa.yaml: every server with its application, the fake LINE server, a webhook.
write_settings() {
  local name
  {
    cat <<YAML
# Raksa's configuration for the lab, written by lab/up. Start it with
#   lab/mon build/release/raksa run $LAB_DIR/raksa.yaml
listen: [127.0.0.1:8001, "unix:$LAB_STATE/raksa.sock"]
data_dir: $LAB_STATE/data
defaults: {interval: 5s, timeout: 1s}
credentials:
  ops:    {ssh: {user: ops, key_file: $LAB_STATE/id_ed25519, known_hosts: $LAB_STATE/known_hosts}}
  public: {snmp: {version: 2c, community_file: $LAB_STATE/community}}
  v3:     {snmp: {version: 3, user: $(cat "$LAB_STATE/snmp_v3_user"), auth: {protocol: SHA, password_file: $LAB_STATE/snmp_v3_auth}, priv: {protocol: AES, password_file: $LAB_STATE/snmp_v3_priv}}}
targets:
YAML
    for name in $(server_names); do
      cat <<YAML
  - name: $name
    address: $(server_ip "$name")
    url: http://$(server_ip "$name")/
    ports: [80, 443]
    snmp: $(snmp_credential "$name")
    ssh: ops
    labels: {site: lab}
    application: [firewall, nginx, docker, "container:web-application", "container:web-database"]
YAML
    done
    cat <<YAML
rules: [$LAB_REPO/rules/default.yaml]
recovery: {mode: auto}
notify:
  - line: {token_file: $LAB_STATE/line_token, to: C0123456789abcdef0123456789abcdef, base_url: "http://127.0.0.1:$LAB_FAKE_LINE_PORT"}
  - webhook: {url: "http://127.0.0.1:$LAB_FAKE_LINE_PORT/hook", secret_file: $LAB_STATE/hook_secret}
YAML
  } >"$LAB_DIR/raksa.yaml.new"
  mv "$LAB_DIR/raksa.yaml.new" "$LAB_DIR/raksa.yaml"
}
