// Readers: one function for each sender's message, and how to tell the senders apart.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "alert/inbound/collector.h"

namespace alert::inbound {

enum class Sender {
  kUnknown,
  kGrafanaLegacy,    ///< versions 4 to 8, and the source design's /shs
  kGrafana,          ///< unified alerting, 9 and later
  kAlertmanager,     ///< webhook, version 4
  kAlertmanagerApi,  ///< POST /api/v2/alerts
  kZabbix,           ///< its Event-Driven Ansible type and ours
  kKuma
};

/// Whose message this is, by its shape.
Sender Recognise(const boost::json::value& body);

/// Each fills the collector; fields that are missing or odd are done without.
/// Grafana 4–8: docs/sources/alerting/notifications.md, pkg/services/alerting/notifiers/webhook.go.
void ReadGrafanaLegacy(const boost::json::object& body, Collector& out);
/// Grafana 9+: grafana/alerting receivers/webhook/v1/webhook.go, templates/template_data.go.
void ReadGrafana(const boost::json::object& body, Collector& out);
/// Alertmanager: docs/configuration.md <webhook_config>, template/template.go.
void ReadAlertmanager(const boost::json::object& body, Collector& out);
/// Alertmanager's API v2: docs/alerts_api.md.
void ReadAlertmanagerApi(const boost::json::array& body, Collector& out);
/// Zabbix: templates/media/event_driven_ansible; docs/webhooks.md for our own type.
void ReadZabbix(const boost::json::object& body, Collector& out);
/// Uptime Kuma: server/notification-providers/webhook.js, server/model/heartbeat.js.
void ReadKuma(const boost::json::object& body, Collector& out);

}  // namespace alert::inbound
